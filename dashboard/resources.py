"""Create the objects that all sessions of one server share.

They are not kept in Streamlit's caches: anyone who opens a WebSocket can clear those, without a login.
"""

from __future__ import annotations

from application import Application
from dashboard.sharing import shared
from dashboard.view_models import operations, tour
from dashboard.view_models.actions import Actions
from dashboard.view_models.background import Background
from dashboard.view_models.incidents import Incidents
from dashboard.view_models.load import Load
from dashboard.view_models.reconciling import Judge, MissingIds, Steady
from dashboard.view_models.refresher import Refresher
from dashboard.view_models.runs import RunsReader, RunsState
from db.dead_letter_queries import DeadLetterRow
from settings import Settings, load
from stacks.source_control import SourceReport
from stacks.status import Status
from stacks.topics import TopicReport
from telemetry import tracing
from telemetry.metrics import Writer


@shared
def settings() -> Settings:
    """Return the settings of the instance that `ALPES_HOME` names."""
    return load()


@shared
def application() -> Application:
    """Return the application, with one database engine for all sessions."""
    tracing.start(settings(), "dashboard")
    metrics_writer()
    return Application(settings(), pool_size=5)


@shared
def metrics_writer() -> Writer:
    return Writer(settings(), "dashboard")


@shared
def refresher() -> Refresher:
    """Return the background readers, started; every page shows what they read last."""
    readers = Refresher(settings(), application())
    readers.start()
    return readers


@shared
def load_runner() -> Load:
    return Load(application())


@shared
def judge() -> Judge:
    return Judge()


@shared
def steady() -> Steady:
    return refresher().steady


@shared
def missing_ids() -> MissingIds:
    return MissingIds(application(), settings())


@shared
def rendered() -> dict[tuple[object, ...], tuple[object, str]]:
    """Return the HTML drawn once for all open pages: (name, language, culture, zone) → (version, HTML)."""
    return {}


@shared
def figures() -> dict[tuple[object, ...], tuple[object, dict[str, object]]]:
    """Return the figures drawn once for all open pages: (name, language, culture, zone) → (version, figure)."""
    return {}


@shared
def last_drawings() -> dict[str, tuple[float, tuple[object, ...]]]:
    """Return name → (monotonic time, version) of the last drawing, for what may be drawn only so often."""
    return {}


@shared
def actions() -> Actions:
    return Actions()


@shared
def incidents() -> Incidents:
    return Incidents(settings(), refresher())


@shared
def runs_reader() -> RunsReader:
    return RunsReader(settings(), application())


@shared
def runs() -> Background[RunsState]:
    return Background("runs", runs_reader().read, 0.5)


@shared
def tour_facts() -> Background[tour.TourFacts]:
    reader = tour.Reader(settings(), application(), lambda: refresher().database.version)
    return Background("tour", reader.read, 2.0)


@shared
def status() -> Background[Status]:
    return Background("status", lambda: operations.status(settings()), 5.0)


@shared
def topics() -> Background[tuple[TopicReport, ...]]:
    return Background("topics", lambda: operations.topics(settings()), 3.0)


@shared
def source() -> Background[SourceReport | None]:
    return Background("source", lambda: operations.source(settings()), 2.0)


@shared
def dead_letters() -> Background[tuple[DeadLetterRow, ...]]:
    return Background("dead letters", lambda: operations.dead_letters(application()), 2.0)
