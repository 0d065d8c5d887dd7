"""Draw the controls of the feed (topic, filter, pause), and read the messages that they select."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

import streamlit as st

from dashboard import permalinks, resources
from dashboard.components.markup import Html, tag
from dashboard.i18n import _, instant, number
from dashboard.view_models.snapshot import FeedState
from workers.observer_records import Observed

PERMALINK = {"topic": "feed_topic", "filter": "feed_search"}
"""Parameter of the URL → key of the widget."""


@dataclass(frozen=True, slots=True)
class Selection:
    topic: str | None = None
    """Full name; None for all topics."""
    search: str | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    n: int
    """The number of the newest message when the feed was paused: no newer one is shown."""
    at: float
    """Seconds since the epoch."""

    def newer(self, feed: FeedState) -> int:
        """Return how many messages came since; the store numbers them without gaps."""
        return max(0, _head(feed) - self.n)


def show() -> None:
    """Draw the controls, outside the fragment that is refreshed: widgets are expensive to send twice a second."""
    names = topics()
    permalinks.restore(PERMALINK, {"topic": names})
    topic_box, search_box, pause_box = st.columns([1.3, 1.5, 0.8], vertical_alignment="center")
    topic_box.selectbox(
        _("Topic"),
        list(names),
        format_func=lambda topic: names[topic],
        key="feed_topic",
        label_visibility="collapsed",
        on_change=permalinks.note("topic", "feed_topic"),
    )
    search_box.text_input(
        _("Filter"),
        key="feed_search",
        placeholder=_("type, key or id"),
        label_visibility="collapsed",
        on_change=permalinks.note("filter", "feed_search"),
    )
    pause_box.toggle(
        _("Pause"),
        key="feed_paused",
        help=_("The feed shows no newer messages until you end the pause; you can filter it meanwhile."),
    )


def wanted() -> Selection:
    """Return what the widgets select."""
    state = st.session_state
    search = str(state.get("feed_search") or "").strip()
    topic = state.get("feed_topic") or None
    return Selection(topic, search or None, bool(state.get("feed_paused")))


def topics() -> dict[str, str]:
    """Return full name → displayed name of the topics; the empty name stands for all topics."""
    configured = resources.settings().topics
    live = _("live")
    names = {"": _("all topics")}
    for name, label in ((configured.routed, "outbox-events"), (configured.raw, _("raw"))):
        names[name] = f"{label} ({live})" if name == configured.events else label
    return names | {configured.dead_letter: "DLQ", configured.retry: "RETRY", configured.commands: "commands"}


def note_pause(paused: bool, feed: FeedState) -> Pause | None:
    """Return this session's pause, which begins with the first feed that is drawn paused; None without one."""
    state = st.session_state
    state["feed_pause"] = keep(state.get("feed_pause"), paused, feed, time.time())
    pause: Pause | None = state["feed_pause"]
    return pause


def keep(pause: Pause | None, paused: bool, feed: FeedState, now: float) -> Pause | None:
    """Return the pause as it was, a new one, or None. After a reset messages are numbered anew, and the pause begins anew."""
    if not paused:
        return None
    return Pause(_head(feed), now) if pause is None or pause.n > _head(feed) else pause


def _head(feed: FeedState) -> int:
    return feed.messages[0].n if feed.messages else 0


def messages(selection: Selection, pause: Pause | None, feed: FeedState) -> tuple[Observed, ...]:
    """Return the selected messages, newest first; visitors with the same selection share one query per version."""
    if pause is None and not (selection.topic or selection.search):
        return feed.messages
    try:
        if pause is None:
            return _query_store((feed.version, selection.topic, selection.search, None))
        return _query_store((pause.at, selection.topic, selection.search, pause.n))
    except sqlite3.Error:  # the store cannot be read now
        return ()


@st.cache_data(max_entries=64, show_spinner=False)
def _query_store(key: tuple[float, str | None, str | None, int | None]) -> tuple[Observed, ...]:
    """Query the store once for each (version or time of the pause, topic, search, highest number). Raises sqlite3.Error."""
    _version, topic, search, up_to = key
    return tuple(resources.refresher().observer.filter_messages(topic, search, up_to))


def paused_line(pause: Pause, feed: FeedState, zone: str | None) -> Html:
    """Render since when the feed is paused, and what it does not show."""
    newer, at = pause.newer(feed), instant(int(pause.at * 1e6), zone)[:8]
    if newer == 1:
        sentence = _("Paused at {at}; 1 newer message").format(at=at)
    else:
        sentence = _("Paused at {at}; {n} newer messages").format(at=at, n=number(newer))
    return tag("p", sentence, class_="paused", role="status")
