"""Draw the search of the header, which the key `/` opens, and the list of keys, which `?` opens."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import TimeoutError as TookTooLong

import streamlit as st

from dashboard import i18n, resources
from dashboard.components.markup import Html, empty, facts, join, notice, tag
from dashboard.guard import guarded
from dashboard.i18n import _
from dashboard.site import PAGES
from dashboard.view_models import search, tracing, words
from dashboard.view_models.commands import within
from dashboard.view_models.search import Hit
from dashboard.view_models.tracing import Search
from domain.message import Message
from scenarios.catalogue import scenarios

READ_WITHIN_S = 5.0


@guarded
def show() -> None:
    """Draw the button and what it opens. The only hit by an id is opened at once."""
    state = st.session_state
    only = search.choose_only_id(state.get("search_hits", ())) if state.pop("search_asked", False) else None
    if only is not None:
        state["search_text"], state["search"] = "", False  # closes what it opened
        _forget()
        st.switch_page(state["pages"][only.page], query_params=_address(only))
    with st.popover(_("Search"), key="search", icon=":material/search:", on_change="rerun", width="content"):
        st.text_input(
            _("Search"),
            key="search_text",
            on_change=_search,
            placeholder=_("An id, a run, a scenario or a page"),
            label_visibility="collapsed",
        )
        if "search_hits" in state:
            _draw_hits(state["search_hits"], state.get("search_problem"))
        st.html(tag("div", _draw_keys(), class_="alpes-live"))


def _search() -> None:
    state = st.session_state
    text = state["search_text"]
    if not text.strip():
        _forget()
        return
    state["search_asked"], state["search_problem"] = True, None
    runs = resources.runs().look().value
    state["search_hits"] = search.find(
        text,
        {spec.path: _(spec.title) for spec in PAGES},
        list(scenarios()),
        runs.history if runs is not None else (),
        trace,
    )


def trace(reference: str) -> Search:
    """Find events; without an answer of the database, keep why and find none."""
    try:
        traced = within(lambda: tracing.find(resources.application(), reference), READ_WITHIN_S)
    except TookTooLong:
        traced = Search(problem=Message("page.no_answer"))
    st.session_state["search_problem"] = traced.problem
    return traced


def _forget() -> None:
    for name in ("search_hits", "search_problem"):
        st.session_state.pop(name, None)


def _draw_hits(hits: Sequence[Hit], problem: Message | None) -> None:
    if problem is not None:
        sentence = _("The database is down") + f": {words.translate(problem)}"
        st.html(tag("div", notice(sentence), class_="alpes-live"))
    elif not hits:
        st.html(tag("div", empty(_("Nothing has this id or name.")), class_="alpes-live"))
    for hit in hits:
        label = f"{_kinds()[hit.kind]} · {hit.name}"
        st.page_link(st.session_state["pages"][hit.page], label=label, query_params=_address(hit))


def _address(hit: Hit) -> dict[str, str]:
    return {**hit.parameters, "lang": i18n.language()}


def _kinds() -> dict[search.Kind, str]:
    return {
        "event": _("Event"),
        "commission": _("Commission"),
        "conversion": _("Conversion"),
        "correlation": _("Correlation"),
        "run": _("Scenario run"),
        "scenario": _("Scenario"),
        "page": _("Page"),
    }


def _draw_keys() -> Html:
    keys = {
        "/": _("Search"),
        "?": _("This list"),
        "p": _("Start or stop presenting"),
        "n": _("Next step, in step mode"),
        "Esc": _("Close, or stop presenting"),
    }
    heading = tag("p", tag("strong", _("Keys")))
    return join([heading, facts((tag("kbd", key), meaning) for key, meaning in keys.items())])
