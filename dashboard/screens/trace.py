"""The trace page: one event's whole way, found by any id that leads to it."""

from __future__ import annotations

from concurrent.futures import TimeoutError as TookTooLong

import streamlit as st

from dashboard import i18n, pulse, resources
from dashboard.components import live_html, tables, waterfall
from dashboard.components.card import card
from dashboard.components.controls import view_button
from dashboard.components.markup import empty, notice
from dashboard.guard import guarded
from dashboard.i18n import N_, _, milliseconds, number
from dashboard.screens import PageSpec
from dashboard.view_models import how, tracing, words
from dashboard.view_models.commands import within
from dashboard.view_models.tracing import Found, Trace
from db.errors import DatabaseUnavailable
from db.queries import OutboxRow

READ_WITHIN_S = 5.0


def show() -> None:
    reference = _search()
    if not reference:
        _newest()
        return
    try:
        found = within(lambda: tracing.find(resources.application(), reference), READ_WITHIN_S)
    except TookTooLong:
        found = Found(problem=_("no answer in time"))
    if found.problem:
        live_html.show(notice(_("The database is down") + f": {words.sentence(found.problem)}"), "trace_down")
        view_button(_("Look again"))
        return
    if not found.events:
        live_html.show(
            empty(_("Nothing has this id. It may be of an event, a commission, a conversion or a correlation.")),
            "trace_nothing",
        )
        return
    _trace(_choose(found))


def _search() -> str:
    state = st.session_state
    asked = st.query_params.get("id", "")
    if asked != state.get("trace_asked"):  # the address, or a link, says it
        state["trace_asked"] = state["trace_search"] = asked

    def searched() -> None:
        state["trace_asked"] = state["trace_search"].strip()
        st.query_params["id"] = state["trace_asked"]

    st.text_input(
        _("Event, commission, conversion or correlation id"),
        key="trace_search",
        on_change=searched,
        placeholder=_("Paste an id and press Enter"),
        help=_("A correlation id groups the events of one request or one load."),
    )
    return str(state["trace_search"]).strip()


def _newest() -> None:
    rows = resources.refresher().database.outbox
    if not rows:
        live_html.show(
            empty(_("Nothing to trace yet. Issue a command on the Live page, then follow its event here.")),
            "trace_empty",
        )
        return
    with card("newest", _("The newest events"), _("Paste an id above, or follow one of these.")):
        live_html.show(tables.newest(rows, live_html.zone()), "trace_newest")


def _choose(found: Found) -> OutboxRow:
    """Of several events, the one the reader wants; the newest at first."""
    names = {
        "commission": _("This commission's events"),
        "conversion": _("The events of this conversion's commission"),
        "correlation": _("Events with this correlation id (newest {n})").format(n=number(tracing.EVENTS)),
    }
    if len(found.events) == 1:
        return found.events[0]
    rows = {row.id: row for row in found.events}
    label = names.get(found.kind, _("Events"))
    chosen = st.selectbox(
        label,
        list(rows),
        format_func=lambda one: f"{rows[one].seq} · {rows[one].type} v{rows[one].aggregate_version} · {one}",
    )
    return rows[chosen]


def _trace(event: OutboxRow) -> None:
    try:
        trace = within(lambda: tracing.read(resources.application(), resources.settings(), event), READ_WITHIN_S)
    except (DatabaseUnavailable, TookTooLong) as error:
        sentence = words.sentence(str(error)) or _("no answer in time")
        live_html.show(notice(_("The database is down") + f": {sentence}"), "trace_down")
        return
    title = _("{type} · from command to notification {ms}").format(type=event.type, ms=milliseconds(trace.total_ms))
    if trace.total_ms is None:
        title = _("{type} · on its way").format(type=event.type)
    meaning = _(
        "Each bar is the time from one hop to the next. An amber bar goes backwards: two clocks of this host disagree by less than they can tell."
    )
    with card("waterfall", title, meaning, how.trace(resources.settings(), event.id, event.aggregate_id)):
        if trace.total_ms is None:
            _look_again(event)
        else:
            live_html.show(waterfall.waterfall(trace), "waterfall")
    _things(trace)


def _mark() -> object:
    """An event that is on its way arrives in the database: as a notification and the times of its hops."""
    return resources.refresher().database.version, resources.refresher().feed.version


@st.fragment
@guarded
def _look_again(event: OutboxRow) -> None:
    """Until it has arrived; then the whole page is drawn once more, and looks no longer."""
    with pulse.followed("trace"):
        _waits(event)


def _waits(event: OutboxRow) -> None:
    try:
        trace = within(lambda: tracing.read(resources.application(), resources.settings(), event), READ_WITHIN_S)
    except (DatabaseUnavailable, TookTooLong):
        return
    if trace.total_ms is not None:
        st.rerun()
    live_html.show(waterfall.waterfall(trace), "waterfall_waiting")


def _things(trace: Trace) -> None:
    things = waterfall.things(trace, live_html.zone())
    for row in (0, 3):
        for place, column in enumerate(st.columns(3), start=row):
            title, meaning, html = things[place]
            with column, card(f"thing-{place}", title, meaning):
                live_html.show(html, f"thing-{place}-{trace.event.id}-{i18n.language()}")


PAGE = PageSpec("trace", N_("Trace"), show, {"trace": _mark})
