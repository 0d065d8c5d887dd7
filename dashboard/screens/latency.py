"""Draw the latency page: how long each hop takes in the chosen window, and whether consumers keep up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import permalinks, pulse, resources
from dashboard.components import charts, live_html, percentile_table
from dashboard.components.card import card
from dashboard.components.controls import download_button
from dashboard.components.markup import empty
from dashboard.components.waterfall import hop_label
from dashboard.guard import guarded
from dashboard.i18n import N_, _, number
from dashboard.screens import PageSpec
from dashboard.view_models import how, latencies
from dashboard.view_models.database_reader import FIRST, KEEP
from dashboard.view_models.latencies import END_TO_END, HOP_NAMES
from dashboard.view_models.snapshot import Timed

REDRAW_S = 3.0
"""Least time between two drawings, because sending a plotly figure costs tens of milliseconds."""
SOME = 5
"""Samples needed before the rates are drawn."""
WINDOWS: dict[str, tuple[float | None, int | None]] = {
    "1m": (60, None),
    "5m": (300, None),
    "15m": (900, None),
    "1h": (3600, None),
    "n1000": (None, 1000),
    "all": (None, None),
}
PERMALINK = {"window": "latency_window", "hop": "latency_hop"}
"""Parameter of the URL → key of the widget."""


@dataclass(frozen=True, slots=True)
class Slots:
    table: DeltaGenerator
    histogram: DeltaGenerator
    ecdf: DeltaGenerator
    rates: DeltaGenerator
    backlog: DeltaGenerator


def show() -> None:
    window, hop = _draw_choices()
    left, right = st.columns([1.25, 1])
    with left:
        body = card(
            "percentiles",
            _("Percentiles by hop"),
            _("p95: 95 of 100 events were at least this fast."),
            how.latency(),
        )
    with right:
        rates = card(
            "rates",
            _("Rates"),
            _("Producer: events committed per second. Consumer: notifications persisted per second."),
        )
    left, middle, right = st.columns(3)
    with left:
        meaning = _("How many events took how long. Logarithmic; what is zero or less is at the left edge.")
        histogram = card("histogram", _("Distribution"), meaning)
    with middle:
        ecdf = card(
            "ecdf", "ECDF", _("The share of events that were at least this fast: read p95 where the line crosses 95 %.")
        )
    with right:
        backlog = card("backlog", _("Backlog"), _("Events committed and not yet notified."))
    drawn = _version()
    _draw(Slots(body, histogram, ecdf, rates, backlog), window, hop)
    _redraw_when_changed(drawn)


def _draw_choices() -> tuple[str, str]:
    names = {
        "1m": "1 min",
        "5m": "5 min",
        "15m": "15 min",
        "1h": "1 h",
        "n1000": _("last {n}").format(n=number(1000)),
        "all": _("all"),
    }
    hops = {END_TO_END: _("command to notification"), **{name: hop_label(name) for name in HOP_NAMES}}
    permalinks.restore(PERMALINK, {"window": names, "hop": hops})
    st.session_state.setdefault("latency_window", "all")
    left, right, export = st.columns([1.5, 1.2, 0.8], vertical_alignment="bottom")
    window = left.segmented_control(
        _("Window"),
        list(names),
        format_func=names.__getitem__,
        key="latency_window",
        on_change=permalinks.note("window", "latency_window"),
        help=_(
            "Events notified in this time, among those that this page's server keeps in memory: the last {first} when it starts, and up to {n} as more come."
        ).format(first=number(FIRST), n=number(KEEP)),
    )
    hop = right.selectbox(
        _("Hop"),
        list(hops),
        format_func=hops.__getitem__,
        key="latency_hop",
        on_change=permalinks.note("hop", "latency_hop"),
        help=_("What the distribution and the ECDF are of."),
    )
    with export:
        download_button(
            _("Download CSV"),
            lambda: latencies.csv(_events_within(window or "all")).encode(),
            "alpes-latency.csv",
            "text/csv",
            on_click="ignore",
            help=_(
                "A line for each event: ids, timestamps and the milliseconds between them. A chart's camera button saves the chart as PNG."
            ),
            width="stretch",
        )
    return window or "all", hop


def _draw(slots: Slots, window: str, hop: str) -> None:
    refresher = resources.refresher()
    _draw_percentiles(slots, window, hop)
    measured = latencies.rates(refresher.samples(), WINDOWS[window][0], time.time())
    windows, zone = refresher.fault_history.windows(), live_html.zone()
    version = (len(measured), measured[-1].at if measured else 0, refresher.fault_history.version, window)
    for name, slot, height in (("rates", slots.rates, 252), ("backlog", slots.backlog, 330)):
        with slot:
            if len(measured) < SOME - 1:
                live_html.show(empty(_("The page's server has just started and is still counting.")), f"{name}_empty")
                continue
            draw = partial(getattr(charts, name), measured, windows, zone)
            _plot(name, live_html.figure(name, version, draw), height)


@st.fragment
@guarded
def _redraw_when_changed(drawn: tuple[object, ...]) -> None:
    with pulse.followed("latency"):
        if _version() != drawn:
            st.rerun()


def _version() -> tuple[object, ...]:
    """Return the version of the page; it changes at most every `REDRAW_S`, and not while nothing changes.

    It is shared, so that all open pages are drawn at the same times.
    """
    drawings = resources.last_drawings()
    at, version = drawings.get("latency", (0.0, ()))
    if time.monotonic() - at >= REDRAW_S and (now := _read_version()) != version:
        drawings["latency"] = (time.monotonic(), now)
        return now
    return version


def _read_version() -> tuple[object, ...]:
    """Return what the page depends on now; the passing of time alone does not change it."""
    refresher = resources.refresher()
    database = refresher.database
    counts = (database.committed, database.notified, len(refresher.samples()) < SOME)
    return (*counts, _count_timestamps(list(database.timed[-500:])), refresher.fault_history.version)


def _draw_percentiles(slots: Slots, window: str, hop: str) -> None:
    events = _events_within(window)
    version = (len(events), events[-1].event_id if events else "", window, hop, _count_timestamps(events))
    with slots.table:
        html = live_html.once("percentiles", version, lambda: percentile_table.table_of(latencies.by_hop(events)))
        live_html.show(
            html
            if events
            else empty(
                _("No event was notified yet. Send a command on the Live page.")
                if not resources.refresher().database.timed
                else _("No event in this window. Choose a longer one, or issue a command on the Live page.")
            ),
            "percentiles",
        )
    values = latencies.columns(events)[hop] if events else []
    for name, slot in (("histogram", slots.histogram), ("ecdf", slots.ecdf)):
        with slot:
            if not values:
                live_html.show(empty(_("Nothing measured in this window.")), f"{name}_empty")
                continue
            draw = partial(getattr(charts, name), values)
            _plot(name, live_html.figure(name, version, draw), 330)


def _count_timestamps(events: list[Timed]) -> int:
    """Return how many timestamps the newest events have; they are written a little after their event."""
    return sum(len(event.hops) for event in events[-500:])


def _events_within(window: str) -> list[Timed]:
    last_s, last_n = WINDOWS[window]
    return latencies.within(resources.refresher().database.timed, last_s, last_n, time.time())


def _plot(name: str, figure: object, height: int) -> None:
    st.plotly_chart(figure, width="stretch", height=height, key=f"plot-{name}", config=charts.config(name))


PAGE = PageSpec("latency", N_("Latency"), show, {"latency": _version}, tuple(PERMALINK))
