"""Draw step mode: what is held before each breakpoint, the button that lets one event pass, and what the last step changed."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from application import breakpoints
from application.breakpoints import Held, Name
from application.permissions import Action
from dashboard import access, permalinks, pulse, resources
from dashboard.components import live_html
from dashboard.components.controls import act_button, view_button
from dashboard.components.markup import Html, join, shorten, tag
from dashboard.guard import guarded
from dashboard.i18n import _, number
from dashboard.view_models import words
from domain.message import extract_message
from stacks import stepping
from stacks.operation import Busy
from stacks.stepping import NotHeld

PASSED = "step_passed"
"""Key of the session: what was held where this visitor's last step was."""


def show() -> None:
    """Draw nothing for a visitor who may not hold events."""
    if access.may(Action.INJECT_FAULTS):
        _follow()


def mark() -> object:
    """Return the version: what is held."""
    return tuple(breakpoints.read_held(resources.settings()))


@st.fragment
@guarded
def _follow() -> None:
    with pulse.followed("steps"):
        _draw()


def _draw() -> None:
    settings = resources.settings()
    held = breakpoints.read_held(settings)
    with st.container(horizontal=True, vertical_alignment="center", key="steps"):
        if not held:
            act_button(
                Action.INJECT_FAULTS,
                _("Step by step"),
                _start,
                key="step-on",
                icon=":material/footprint:",
                help=_(
                    "Hold every event on its way, and let one pass at a time: before it is published, before it is processed, and before it is acknowledged."
                ),
            )
            return
        waiting = stepping.find_next(settings)
        act_button(
            Action.INJECT_FAULTS,
            _("Next step"),
            _let_pass,
            key="step-next",
            type="primary",
            icon=":material/step_over:",
            shortcut="n",
            disabled=waiting is None,
        )
        act_button(Action.INJECT_FAULTS, _("Let everything pass"), _end, key="step-off")
        _draw_last_step()
    live_html.show(draw_path(held, waiting), "steps")


def draw_path(held: list[Held], waiting: Held | None) -> Html:
    """Return the breakpoints with the number of events at each, and a sentence on the event that passes next."""
    counts: Counter[Name] = Counter()
    for place in held:  # several workers have a breakpoint each
        counts[place.name] += place.count
    places = join([_draw_breakpoint(name, count, waiting) for name, count in counts.items()])
    sentence = (
        _("Step mode: send a command, and its event stops at each of these places.")
        if waiting is None
        else _("Next: event {id} {place}. {state}").format(
            id=shorten(waiting.event_id),
            place=_places()[waiting.name],
            state=_sentence(words.translate(stepping.WAITS[waiting.name])),
        )
    )
    return join([tag("ol", places, class_="steps"), tag("p", sentence, role="status")])


def _draw_breakpoint(name: Name, count: int, waiting: Held | None) -> Html:
    is_next = waiting is not None and waiting.name == name
    return tag("li", join([_places()[name], " ", tag("b", number(count))]), class_="next" if is_next else "")


def _places() -> dict[Name, str]:
    return {
        "capture": _("waits to be published"),
        "delivery": _("waits to be processed"),
        "acknowledgement": _("waits to be acknowledged"),
    }


def _draw_last_step() -> None:
    passed: Held | None = st.session_state.get(PASSED)
    if passed is None:
        return
    event_id = passed.event_id
    change = _sentence(words.translate(stepping.PASSED[passed.name]))
    st.markdown(_("Last step, event {id}: {change}").format(id=f"`{shorten(event_id)}`", change=change))
    if view_button(_("trace →"), type="tertiary", key="step-trace"):
        permalinks.open_trace(event_id)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _start() -> None:
    st.session_state.pop(PASSED, None)
    try:
        stepping.start(resources.settings())
    except Busy:
        st.toast(_("A scenario runs now; step mode would hold its events."), icon=":material/info:")


def _let_pass() -> None:
    try:
        st.session_state[PASSED] = stepping.let_pass(resources.settings())
    except NotHeld as error:  # another visitor was quicker
        st.toast(words.translate(extract_message(error)), icon=":material/info:")


def _end() -> None:
    st.session_state.pop(PASSED, None)
    stepping.end(resources.settings())
