"""Draw the controls of the feed (topic, filter, pause), and read the messages that they select."""

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
    """Full name; None for all topics."""
    search: str | None = None
    paused: bool = False


def show() -> None:
    """Draw the controls, outside the fragment that is refreshed: widgets are expensive to send twice a second."""
    names = topics()
    topic_box, search_box, pause_box = st.columns([1.3, 1.5, 0.8], vertical_alignment="center")
    topic_box.selectbox(
        _("Topic"), list(names), format_func=lambda topic: names[topic], key="feed_topic", label_visibility="collapsed"
    )
    search_box.text_input(
        _("Filter"), key="feed_search", placeholder=_("type, key or id"), label_visibility="collapsed"
    )
    pause_box.toggle(
        _("Pause"), key="feed_paused", help=_("The feed stands still; messages are recorded all the same.")
    )


def wanted() -> Wanted:
    """Return what the widgets select."""
    state = st.session_state
    search = str(state.get("feed_search") or "").strip()
    topic = state.get("feed_topic") or None
    return Wanted(topic, search or None, bool(state.get("feed_paused")))


def topics() -> dict[str, str]:
    """Return full name → displayed name of the topics; the empty name stands for all topics."""
    configured = resources.settings().topics
    live = _("live")
    names = {"": _("all topics")}
    for name, shown in ((configured.routed, "outbox-events"), (configured.raw, _("raw"))):
        names[name] = f"{shown} ({live})" if name == configured.events else shown
    return names | {configured.dead_letter: "DLQ", configured.retry: "RETRY", configured.commands: "commands"}


def messages(asked: Wanted, state: FeedState) -> tuple[Observed, ...]:
    """Return the selected messages, newest first; visitors with the same selection share one query per version."""
    if not (asked.topic or asked.search):
        return state.messages
    return _asked((state.version, asked.topic, asked.search))


@st.cache_data(max_entries=64, show_spinner=False)
def _asked(key: tuple[int, str | None, str | None]) -> tuple[Observed, ...]:
    """Query the store once for each (version, topic, search); return no messages if it cannot be read."""
    _version, topic, search = key
    try:
        return tuple(resources.refresher().observer.filtered(topic, search))
    except sqlite3.Error:
        return ()
