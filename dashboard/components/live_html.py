"""Draw HTML that changes in place: elements that stay keep scroll position, focus and selection, and none flickers.

The HTML is inserted as it is: the functions that make it escape every value they insert (`components.markup`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard import i18n, permalinks, resources

TIMES, TIMES_LOST = 4, 20
"""How many times HTML is sent: at first, and to a page that reports that it missed it."""
ASSETS = Path(__file__).parent.parent / "assets"


@cache
def _component() -> Any:
    return st.components.v2.component(
        "alpes_live",
        js=(ASSETS / "live.js").read_text(encoding="utf-8"),
        isolate_styles=False,
    )


def show(html: str, key: str) -> str | None:
    """Draw the HTML; return the `data-pick` value that was clicked last. A click on a `data-go` link opens that trace.

    HTML is sent to a session a few times and not only once, because a busy browser sees only the last of several
    messages. After that a refresh sends only the HTML's version; a browser that does not have this version reports it.
    """
    name, version = f"live-{key}", str(hash(html))
    sent = st.session_state.setdefault("live_sent", {})
    known_version, times_left = sent.get(name, ("", 0))
    if known_version != version or not _refreshing():
        times_left = TIMES
    body = html if times_left else None
    sent[name] = (version, max(0, times_left - 1))
    result = _component()(
        data={"mark": version, "html": body},
        key=name,
        on_go_change=_nothing,
        on_picked_change=_nothing,
        on_lost_change=_nothing,
    )
    if result.lost:
        sent[name] = (version, TIMES_LOST)
    if result.go:
        permalinks.open_trace(result.go)
    picked = result.picked
    return str(picked) if picked else None


def _refreshing() -> bool:
    """Return whether this is a rerun of a fragment; a run of the whole page may have to draw everything again."""
    context = get_script_run_ctx()
    return context is not None and bool(context.fragment_ids_this_run)


def once(name: str, version: object, draw: Callable[[], str]) -> str:
    """Return the HTML of this version, drawn by the first page that needs it and shared by all others."""
    cache = resources.rendered()
    key = (name, i18n.language(), i18n.culture(), zone())
    entry = cache.get(key)
    if entry is None or entry[0] != version:
        entry = (version, draw())
        cache[key] = entry
    return entry[1]


def zone() -> str | None:
    """Return the visitor's time zone; None stands for the server's."""
    return st.context.timezone


def _nothing() -> None:
    """Do nothing: Streamlit sends a component's values only if there is a callback."""


def figure(name: str, version: object, draw: Callable[[], Any]) -> Any:
    """Return a plotly figure shared like `once`, as plain values: sending them again costs a tenth of a figure."""
    import json

    cache = resources.figures()
    key = (name, i18n.language(), i18n.culture(), zone())
    entry = cache.get(key)
    if entry is None or entry[0] != version:
        entry = (version, json.loads(draw().to_json()))
        cache[key] = entry
    return entry[1]
