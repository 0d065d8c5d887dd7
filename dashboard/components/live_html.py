"""HTML that changes in place: what stays keeps its scroll, focus and selection, and nothing flickers.

What is given is inserted as it is: the functions that make it escape every value they put in (`components.markup`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard import i18n, resources

TIMES, TIMES_LOST = 4, 20
"""How often a thing is sent: at first, and to a page that missed it."""
ASSETS = Path(__file__).parent.parent / "assets"


@cache
def _component() -> Any:
    return st.components.v2.component(
        "alpes_live",
        js=(ASSETS / "live.js").read_text(encoding="utf-8"),
        isolate_styles=False,
    )


def show(html: str, key: str) -> str | None:
    """Draw it; the `data-pick` value that was clicked last. A click on a `data-go` link opens that trace.

    What this session was sent a few times is not sent again when a fragment refreshes: only its mark. Of messages that
    come faster than a busy browser draws it sees the last alone; one that has not what the mark means says so.
    """
    name, mark = f"live-{key}", str(hash(html))
    sent = st.session_state.setdefault("live_sent", {})
    known, more = sent.get(name, ("", 0))
    if known != mark or not _refreshing():
        more = TIMES
    body = html if more else None
    sent[name] = (mark, max(0, more - 1))
    made = _component()(
        data={"mark": mark, "html": body},
        key=name,
        on_go_change=_nothing,
        on_picked_change=_nothing,
        on_lost_change=_nothing,
    )
    if made.lost:
        sent[name] = (mark, TIMES_LOST)
    if made.go:
        from dashboard import frame

        frame.open_trace(made.go)
    picked = made.picked
    return str(picked) if picked else None


def _refreshing() -> bool:
    """Whether this is a fragment's own rerun: in a run of the whole page everything may have to be drawn anew."""
    context = get_script_run_ctx()
    return context is not None and bool(context.fragment_ids_this_run)


def once(what: str, version: object, draw: Callable[[], str]) -> str:
    """The HTML of this version, drawn by the first page that asks and shared by all others."""
    kept = resources.rendered()
    key = (what, i18n.language(), i18n.culture(), zone())
    found = kept.get(key)
    if found is None or found[0] != version:
        found = (version, draw())
        kept[key] = found
    return found[1]


def zone() -> str | None:
    """The reader's time zone; None is the server's."""
    return st.context.timezone


def _nothing() -> None:
    """A component tells its values only where someone listens."""


def figure(what: str, version: object, draw: Callable[[], Any]) -> Any:
    """As `once`, for a plotly figure: as plain values, which cost a tenth of the figure to send again."""
    import json

    kept = resources.figures()
    key = (what, i18n.language(), i18n.culture(), zone())
    found = kept.get(key)
    if found is None or found[0] != version:
        found = (version, json.loads(draw().to_json()))
        kept[key] = found
    return found[1]
