"""Which messages the feed shows: topic, filter, pause."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import streamlit as st

from dashboard import resources
from dashboard.i18n import _
from dashboard.view_models.snapshot import FeedState
from workers.observer_records import Observed


@dataclass(frozen=True, slots=True)
class Wanted:
    topic: str | None = None
    """Full name; None is every topic."""
    search: str | None = None
    paused: bool = False


def show() -> None:
    """Outside what refreshes by itself: widgets are dear to send twice a second."""
    names = topics()
    topic_box, search_box, pause_box = st.columns([1.3, 1.5, 0.8], vertical_alignment="center")
    topic_box.selectbox(
        _("Topic"), list(names), format_func=lambda one: names[one], key="feed_topic", label_visibility="collapsed"
    )
    search_box.text_input(
        _("Filter"), key="feed_search", placeholder=_("type, key or id"), label_visibility="collapsed"
    )
    pause_box.toggle(
        _("Pause"), key="feed_paused", help=_("The feed stands still; messages are recorded all the same.")
    )


def wanted() -> Wanted:
    """What the widgets say."""
    state = st.session_state
    search = str(state.get("feed_search") or "").strip()
    topic = state.get("feed_topic") or None
    return Wanted(topic, search or None, bool(state.get("feed_paused")))


def topics() -> dict[str, str]:
    """Full name → what it is called here; the empty one is all of them."""
    found = resources.settings().topics
    live = _("live")
    names = {"": _("all topics")}
    for name, called in ((found.routed, "outbox-events"), (found.raw, _("raw"))):
        names[name] = f"{called} ({live})" if name == found.events else called
    return names | {found.dead_letter: "DLQ", found.retry: "RETRY", found.commands: "commands"}


def messages(asked: Wanted, state: FeedState) -> tuple[Observed, ...]:
    """Newest first; asked of the store once for each version, whoever else asks the same."""
    if not (asked.topic or asked.search):
        return state.messages
    return _asked((state.version, asked.topic, asked.search))


@st.cache_data(max_entries=64, show_spinner=False)
def _asked(key: tuple[int, str | None, str | None]) -> tuple[Observed, ...]:
    """Of one version of the store: what is asked once is not asked again."""
    _version, topic, search = key
    try:
        return tuple(resources.refresher().observer.filtered(topic, search))
    except sqlite3.Error:
        return ()
