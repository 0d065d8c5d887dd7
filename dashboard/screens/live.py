"""Draw the live page: commands, database, feed, latency and reconciliation on one screen."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import i18n, pulse, resources
from dashboard.components import (
    command_form,
    diagram_card,
    feed_controls,
    live_html,
    repair_panel,
    scatter,
    step_panel,
    strip,
    tables,
)
from dashboard.components.card import card
from dashboard.components.markup import empty, join, notice
from dashboard.guard import guarded
from dashboard.i18n import N_, _
from dashboard.screens import PageSpec
from dashboard.view_models import how, latencies
from dashboard.view_models.commands import CommandName
from dashboard.view_models.reconciling import ShownCounts
from dashboard.view_models.snapshot import DatabaseState, FeedState

POINTS = 300
POINTS_S = 600
FEED_ROWS = 8
IDLE_S = 15.0


@dataclass(frozen=True, slots=True)
class Slots:
    """The containers that the fragment draws into; the form between them is not refreshed."""

    flow: DeltaGenerator
    answers: dict[CommandName, DeltaGenerator]
    database: DeltaGenerator
    feed: DeltaGenerator
    latency: DeltaGenerator
    strip: DeltaGenerator


def show() -> None:
    settings = resources.settings()
    with st.container(key="card-flow", border=True):
        flow_slot = st.container()
        with st.container(horizontal=True, vertical_alignment="center", key="flow-ways"):
            step_panel.show()
            _draw_links()
    form, database, feed = st.columns([1, 1.62, 1.62])
    with form:
        form_body = card(
            "form",
            _("Send a command"),
            _("A command changes one commission, and writes the event of it in the same transaction."),
        )
        with form_body:
            answers = command_form.show()
    with database:
        meaning = _("State and event are two rows written in one transaction: both are there, or neither.")
        database_body = card("database", _("Database"), meaning, how.database(settings))
    with feed:
        meaning = _("Every message on the topics, as the observer received it. This page opens no consumer.")
        wanted = feed_controls.wanted()
        feed_body = card("feed", _("Pulsar feed"), meaning, how.feed(settings, wanted.topic, wanted.search))
        with feed_body:
            with st.container(key="feed-controls"):
                feed_controls.show()
            feed_body = st.container()
    chart, reconciliation = st.columns([1.62, 1])
    with chart:
        meaning = _(
            "From the handler's clock to the notification's commit. Each event is a point; lines are percentiles of the last fifty; amber is when something was killed on purpose. Logarithmic."
        )
        latency_body = card("latency", _("End-to-end latency"), meaning, how.latency())
    with reconciliation:
        meaning = _(
            "Distinct events counted in four sources. Outbox and notifications are tables of one database, and the audit file is made from the notifications; what was published is observed on Pulsar, apart from these. Consistent: none was lost or duplicated. While events come, those of the last second are counted nowhere until each source was read."
        )
        with card("reconciliation", _("Reconciliation"), meaning, how.reconcile()):
            strip_body = st.container()
            repair_panel.show()
    _refresh(Slots(flow_slot, answers, database_body, feed_body, latency_body, strip_body))


def _draw_links() -> None:
    """Draw what one needs next: links to the guide and to where faults are injected."""
    pages, query = st.session_state["pages"], {"lang": i18n.language()}
    with st.container(horizontal=True, vertical_alignment="center", width="content", key="ways"):
        st.page_link(pages["guide"], label=_("What is this? The guide"), icon=":material/school:", query_params=query)
        faults = query | {"break": "1"}
        st.page_link(pages["scenarios"], label=_("Inject a fault"), icon=":material/power_off:", query_params=faults)


@st.fragment
@guarded
def _refresh(slots: Slots) -> None:
    """Refresh the containers. Everything is drawn once for each version of its data, for all open pages."""
    with pulse.followed("live"):
        _draw(slots)


def _version() -> object:
    refresher = resources.refresher()
    database, feed, faults = refresher.database, refresher.feed, refresher.fault_history
    moving = diagram_card.judge() != "equal" or any(window.ended_at is None for window in faults.windows())
    moments = (pulse.moment(moving), _idle_moment(time.time()))
    return refresher.health.version, database.version, feed.version, faults.version, moments, repair_panel.version()


def _draw(slots: Slots) -> None:
    refresher = resources.refresher()
    database, feed = refresher.database, refresher.feed
    shown_counts = resources.steady().look(database, feed)
    zone = live_html.zone()
    with slots.flow:
        diagram_card.show()
    command_form.answer(slots.answers)
    with slots.database:
        draw = lambda: tables.database(database, feed, zone)  # noqa: E731
        version = (database.version, feed.watermark, feed.problem, feed.audited)
        live_html.show(live_html.once("database", version, draw), "database")
    with slots.feed:
        _draw_feed(database, feed, zone)
    with slots.strip:
        _draw_strip(shown_counts)
    with slots.latency:
        _draw_latency(zone)


def _draw_feed(database: DatabaseState, feed: FeedState, zone: str | None) -> None:
    """Draw the feed. What pages share of it is known by the versions of `database` and `feed`, from which alone it is drawn."""
    wanted = feed_controls.wanted()
    refresher, state = resources.refresher(), st.session_state
    deliveries = database.deliveries_of
    pause = feed_controls.note_pause(wanted.paused, feed)
    messages = feed_controls.messages(wanted, pause, feed)
    paused = feed_controls.paused_line(pause, feed, zone) if pause else ""
    if feed.problem:
        live_html.show(notice(_("The observer's store cannot be read now; the feed stands still.")), "feed_problem")
    if not messages:
        filtered = wanted.topic or wanted.search
        sentence = (
            _("No kept message matches. Of an id, the part that tables show is enough. Clear the filter to see all.")
            if filtered
            else _("Nothing was published yet. Send a command and watch it arrive.")
        )
        live_html.show(join([paused, empty(sentence)]), "feed_empty")
        return
    picked = int(state.get("feed_picked") or 0)
    chosen = next((message for message in messages if message.n == picked), messages[0])
    feed_ids = {message.event_id for message in feed.messages}
    older = (message.event_id for message in (*messages[:FEED_ROWS], chosen) if message.event_id not in feed_ids)
    refresher.want_deliveries(event_id for event_id in older if event_id)

    def draw() -> str:
        rows = tables.feed(messages[:FEED_ROWS], deliveries, picked, zone)
        return join([paused, rows, tables.message(chosen, deliveries.get(chosen.event_id or "", 0), zone)])

    # Most pages show the newest messages: what these pages show is drawn once.
    is_own = paused or wanted.topic or wanted.search or picked
    html = draw() if is_own else live_html.once("feed", (database.version, feed.version), draw)
    clicked = live_html.show(html, "feed")
    if clicked and int(clicked) != picked:
        state["feed_picked"] = int(clicked)
        pulse.draw_again()


def _draw_strip(shown_counts: ShownCounts) -> None:
    judgement, ids = diagram_card.judge(), resources.missing_ids()
    behind = judgement in ("waiting", "differs")
    if behind:
        ids.want()
    missing = ids.missing if behind else None
    draw = partial(strip.strip, shown_counts, judgement, missing)
    live_html.show(live_html.once("strip", (shown_counts, judgement, missing), draw), "strip")
    repair_panel.draw()


def _draw_latency(zone: str | None) -> None:
    refresher = resources.refresher()
    points = latencies.points(refresher.database.timed[-POINTS:])
    if points:  # keep the `POINTS_S` before the newest event
        points = [point for point in points if point.at_us > points[-1].at_us - POINTS_S * 1_000_000]
    if not points:
        live_html.show(empty(_("No event has arrived yet. Send a command and its time appears here.")), "latency_empty")
        return
    windows = refresher.fault_history.windows()
    now = time.time()
    moment = int(now) if any(window.ended_at is None for window in windows) else _idle_moment(now)
    version = (refresher.database.version, refresher.fault_history.version, moment)
    draw = lambda: scatter.chart(points, windows, zone, now)  # noqa: E731
    live_html.show(live_html.once("latency", version, draw), "latency")


def _idle_moment(now: float) -> int:
    """Return a number that changes every `IDLE_S`: the chart ends at the present time, also when nothing happens."""
    return int(now / IDLE_S)


PAGE = PageSpec(
    "live",
    N_("Live"),
    show,
    {"live": _version, "load": command_form.mark, "steps": step_panel.mark},
    tuple(feed_controls.PERMALINK),
)
