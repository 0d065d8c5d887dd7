"""What all sessions of one server share."""

from __future__ import annotations

import streamlit as st

from application import Application
from settings import Settings, load
from stacks import instance
from telemetry import tracing
from telemetry.metrics import Writer


@st.cache_resource
def settings() -> Settings:
    """Of the instance that `ALPES_HOME` names."""
    return load()


@st.cache_resource
def application() -> Application:
    """One engine for every session."""
    tracing.start(settings(), "dashboard")
    Writer(settings(), "dashboard")  # for the life of the process
    return Application(settings(), pool_size=5)


@st.cache_data(ttl=60)
def versions() -> dict[str, str]:
    """Of the parts as they run; asked again each minute, for a part may be replaced."""
    return instance.versions(settings())
