"""Draw the log of a component: its last lines by level and text, which follow what is written until the visitor holds them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import resources
from dashboard.components import live_html
from dashboard.components.card import card
from dashboard.components.markup import Html, empty, join, tag
from dashboard.i18n import _
from dashboard.view_models import how_to_break as how
from dashboard.view_models import log_tail
from dashboard.view_models.log_tail import Level, LogLine

MOST_LINES = 200
LEVELS: dict[str, tuple[Level, ...]] = {
    "all": ("error", "warning", "other"),
    "warnings": ("error", "warning"),
    "errors": ("error",),
}
CLASSES: dict[Level, str | None] = {"error": "bad", "warning": "warn", "other": None}


def show() -> DeltaGenerator:
    """Draw the fields; return the container that `draw` fills at each refresh."""
    settings, state = resources.settings(), st.session_state
    names = log_tail.logs(settings.logs)
    state.setdefault("log_of", "notifications" if "notifications" in names else next(iter(names), None))
    meaning = _("The end of a component's log; new lines are added as they are written.")
    with card("log", _("Log"), meaning, how.logs(state["log_of"] or "PART")):
        with st.container(key="log-fields", horizontal=True):
            st.selectbox(_("Component"), names, key="log_of", label_visibility="collapsed", width=180)
            state.setdefault("log_level", "all")
            labels = {"all": _("All levels"), "warnings": _("Warnings"), "errors": _("Errors")}
            st.selectbox(
                _("Level"),
                list(LEVELS),
                format_func=labels.__getitem__,
                key="log_level",
                label_visibility="collapsed",
                width=140,
            )
            st.text_input(
                _("Search the log"),
                key="log_search",
                placeholder=_("Search the log"),
                label_visibility="collapsed",
                width=180,
            )
            state.setdefault("log_follow", True)
            st.toggle(_("Follow"), key="log_follow", help=_("Off: the lines stay, and can be searched."))
        return st.container()


def draw() -> None:
    state = st.session_state
    name, level = state.get("log_of"), state.get("log_level") or "all"
    held_of, lines = state.get("log_held", (None, ()))
    if state.get("log_follow", True) or held_of != name:
        lines = log_tail.read_lines(resources.settings().logs, name)
        state["log_held"] = (name, lines)
    chosen = log_tail.choose(lines, LEVELS[level], (state.get("log_search") or "").strip(), MOST_LINES)
    live_html.show(render(chosen) if chosen else _nothing(bool(lines)), "log")


def _nothing(is_filtered: bool) -> Html:
    return empty(_("No line matches.") if is_filtered else _("Nothing is logged yet."))


def render(lines: Sequence[LogLine]) -> Html:
    # The outer element keeps the newest line in view unless the visitor scrolls up (`.log` in live.css).
    rows = join(tag("div", line.text or " ", class_=CLASSES[line.level]) for line in lines)
    return tag(
        "div",
        tag("div", rows, lang="en"),
        tabindex="0",
        class_="log",
        role="log",
        aria_live="off",
        aria_label=_("The end of the log"),
    )
