"""What all sessions of one server share."""

from __future__ import annotations

import streamlit as st

from application import Application
from dashboard.view_models.load import Load
from dashboard.view_models.reconciling import Judge, MissingIds
from dashboard.view_models.refresher import Refresher
from settings import Settings, load
from telemetry import tracing
from telemetry.metrics import Writer


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """Of the instance that `ALPES_HOME` names."""
    return load()


@st.cache_resource(show_spinner=False)
def application() -> Application:
    """One engine for every session."""
    tracing.start(settings(), "dashboard")
    Writer(settings(), "dashboard")  # for the life of the process
    return Application(settings(), pool_size=5)


@st.cache_resource(show_spinner=False)
def refresher() -> Refresher:
    """The background readers: every page looks at what they found."""
    made = Refresher(settings(), application())
    made.start()
    return made


@st.cache_resource(show_spinner=False)
def load_runner() -> Load:
    return Load(application())


@st.cache_resource(show_spinner=False)
def judge() -> Judge:
    return Judge()


@st.cache_resource(show_spinner=False)
def missing_ids() -> MissingIds:
    return MissingIds(application(), settings())


@st.cache_resource(show_spinner=False)
def rendered() -> dict[tuple[object, ...], tuple[object, str]]:
    """(what, language, zone) → (version, HTML): drawn once for all open pages."""
    return {}


@st.cache_resource(show_spinner=False)
def figures() -> dict[tuple[object, ...], tuple[object, dict[str, object]]]:
    """(what, language, zone) → (version, figure), likewise."""
    return {}
