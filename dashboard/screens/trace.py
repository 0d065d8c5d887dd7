"""Draw the trace page: the whole path of one event, found by any id that leads to it."""

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
from dashboard.view_models.tracing import Search, Trace
from db.errors import DatabaseUnavailable
from db.queries import OutboxRow
from domain.message import Message, extract_message

READ_WITHIN_S = 5.0


def show() -> None:
    reference = _draw_search()
    if not reference:
        _draw_newest()
        return
    try:
        search = within(lambda: tracing.find(resources.application(), reference), READ_WITHIN_S)
    except TookTooLong:
        search = Search(problem=Message("page.no_answer"))
    if search.problem:
        live_html.show(notice(_("The database is down") + f": {words.translate(search.problem)}"), "trace_down")
        view_button(_("Look again"))
        return
    if not search.events:
        live_html.show(
            empty(_("No event, commission, conversion or correlation has this id.")),
            "trace_nothing",
        )
        return
    _draw_trace(_choose(search))


def _draw_search() -> str:
    state = st.session_state
    reference = st.query_params.get("id", "")
    # Set by the URL or by a link. Streamlit forgets what a field holds while another page is shown.
    if reference != state.get("trace_asked") or "trace_search" not in state:
        state["trace_asked"] = state["trace_search"] = reference

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


def _draw_newest() -> None:
    rows = resources.refresher().database.outbox
    if not rows:
        live_html.show(
            empty(_("Nothing to trace yet. Send a command on the Live page, then follow its event here.")),
            "trace_empty",
        )
        return
    with card("newest", _("The newest events"), _("Paste an id above, or follow one of these.")):
        live_html.show(tables.newest(rows, live_html.zone()), "trace_newest")


def _choose(search: Search) -> OutboxRow:
    """Return the event that the visitor chooses among several; the newest by default."""
    names = {
        "commission": _("This commission's events"),
        "conversion": _("The events of this conversion's commission"),
        "correlation": _("Events with this correlation id (newest {n})").format(n=number(tracing.EVENTS)),
    }
    if len(search.events) == 1:
        return search.events[0]
    rows = {row.id: row for row in search.events}
    label = names.get(search.kind, _("Events"))
    chosen = st.selectbox(
        label,
        list(rows),
        format_func=lambda key: f"{rows[key].seq} · {rows[key].type} v{rows[key].aggregate_version} · {key}",
    )
    return rows[chosen]


def _draw_trace(event: OutboxRow) -> None:
    try:
        trace = within(lambda: tracing.read(resources.application(), resources.settings(), event), READ_WITHIN_S)
    except (DatabaseUnavailable, TookTooLong) as error:
        sentence = words.translate(
            Message("page.no_answer") if isinstance(error, TookTooLong) else extract_message(error)
        )
        live_html.show(notice(_("The database is down") + f": {sentence}"), "trace_down")
        return
    title = _("{type} · from command to notification {ms}").format(type=event.type, ms=milliseconds(trace.total_ms))
    if trace.total_ms is None:
        title = _("{type} · in flight").format(type=event.type)
    meaning = _(
        "Each bar is the time from one timestamp to the next. An amber bar is negative: two clocks of this host differ by less than their resolution."
    )
    with card("waterfall", title, meaning, how.trace(resources.settings(), event.id, event.aggregate_id)):
        if trace.total_ms is None:
            _look_again(event)
        else:
            live_html.show(waterfall.waterfall(trace), "waterfall")
    _draw_forms(trace)


def _version() -> object:
    """Return the version of the trace: an event arrives in the database as a notification and its timestamps."""
    return resources.refresher().database.version, resources.refresher().feed.version


@st.fragment
@guarded
def _look_again(event: OutboxRow) -> None:
    """Refresh the trace until the event has arrived; then draw the whole page once more, without this fragment."""
    with pulse.followed("trace"):
        _draw_waiting(event)


def _draw_waiting(event: OutboxRow) -> None:
    try:
        trace = within(lambda: tracing.read(resources.application(), resources.settings(), event), READ_WITHIN_S)
    except (DatabaseUnavailable, TookTooLong):
        return
    if trace.total_ms is not None:
        st.rerun()
    live_html.show(waterfall.waterfall(trace), "waterfall_waiting")


def _draw_forms(trace: Trace) -> None:
    forms = waterfall.list_forms(trace, live_html.zone())
    for row in (0, 3):
        for place, column in enumerate(st.columns(3), start=row):
            title, meaning, html = forms[place]
            with column, card(f"thing-{place}", title, meaning):
                live_html.show(html, f"thing-{place}-{trace.event.id}-{i18n.language()}")


PAGE = PageSpec("trace", N_("Trace"), show, {"trace": _version}, ("id",))
