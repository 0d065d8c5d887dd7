"""What all sessions of one server share."""

from __future__ import annotations

import streamlit as st

from application import Application
from dashboard.view_models import operations, tour
from dashboard.view_models.actions import Actions
from dashboard.view_models.background import Background
from dashboard.view_models.incidents import Incidents
from dashboard.view_models.load import Load
from dashboard.view_models.reconciling import Judge, MissingIds, Steady
from dashboard.view_models.refresher import Refresher
from dashboard.view_models.runs import RunsReader, RunsState
from db.queries import DeadLetterRow
from settings import Settings, load
from stacks.source_control import SourceReport
from stacks.status import Status
from stacks.topics import TopicReport
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
def steady() -> Steady:
    return Steady()


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


@st.cache_resource(show_spinner=False)
def kept() -> dict[str, tuple[float, tuple[object, ...]]]:
    """name → (when on the monotonic clock, mark): of what is drawn no oftener than it may."""
    return {}


@st.cache_resource(show_spinner=False)
def actions() -> Actions:
    return Actions()


@st.cache_resource(show_spinner=False)
def incidents() -> Incidents:
    return Incidents(settings(), refresher())


@st.cache_resource(show_spinner=False)
def runs_reader() -> RunsReader:
    return RunsReader(settings(), application())


@st.cache_resource(show_spinner=False)
def runs() -> Background[RunsState]:
    return Background("runs", runs_reader().read, 0.5)


@st.cache_resource(show_spinner=False)
def tour_facts() -> Background[tour.TourFacts]:
    reader = tour.Reader(settings(), application(), lambda: refresher().database.version)
    return Background("tour", reader.read, 2.0)


@st.cache_resource(show_spinner=False)
def status() -> Background[Status]:
    return Background("status", lambda: operations.status(settings()), 5.0)


@st.cache_resource(show_spinner=False)
def topics() -> Background[tuple[TopicReport, ...]]:
    return Background("topics", lambda: operations.topics(settings()), 3.0)


@st.cache_resource(show_spinner=False)
def source() -> Background[SourceReport | None]:
    return Background("source", lambda: operations.source(settings()), 2.0)


@st.cache_resource(show_spinner=False)
def dead_letters() -> Background[tuple[DeadLetterRow, ...]]:
    return Background("dead letters", lambda: operations.dead_letters(application()), 2.0)
