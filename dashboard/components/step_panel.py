"""Draw step mode: what is held before each breakpoint, the button that lets one event pass, and what the last step changed."""

from __future__ import annotations

import streamlit as st

from application import breakpoints
from application.breakpoints import Held, Name
from application.permissions import Action
from dashboard import access, permalinks, pulse, resources
from dashboard.components import live_html
from dashboard.components.controls import act_button, view_button
from dashboard.components.markup import Html, join, tag
from dashboard.guard import guarded
from dashboard.i18n import _, number
from dashboard.view_models import words
from domain.message import extract_message
from stacks import stepping
from stacks.stepping import NotHeld

PASSED = "step_passed"
"""Key of the session: the breakpoint and the event of this visitor's last step."""


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
    live_html.show(_draw_path(held, waiting), "steps")


def _draw_path(held: list[Held], waiting: tuple[Name, str] | None) -> Html:
    """Return the breakpoints with the number of events at each, and a sentence on the event that passes next."""
    places = join([_draw_breakpoint(each, waiting) for each in held])
    sentence = (
        _("Step mode: send a command, and its event stops at each of these places.")
        if waiting is None
        else _("Next: event {id} {place}. {state}").format(
            id=waiting[1][:8], place=_places()[waiting[0]], state=_sentence(words.translate(stepping.WAITS[waiting[0]]))
        )
    )
    return join([tag("ol", places, class_="steps"), tag("p", sentence, role="status")])


def _draw_breakpoint(held: Held, waiting: tuple[Name, str] | None) -> Html:
    is_next = waiting is not None and waiting[0] == held.name
    count = tag("b", number(len(held.event_ids)))
    return tag("li", join([_places()[held.name], " ", count]), class_="next" if is_next else "")


def _places() -> dict[Name, str]:
    return {
        "capture": _("waits to be published"),
        "delivery": _("waits to be processed"),
        "acknowledgement": _("waits to be acknowledged"),
    }


def _draw_last_step() -> None:
    passed: tuple[Name, str] | None = st.session_state.get(PASSED)
    if passed is None:
        return
    name, event_id = passed
    done = _sentence(words.translate(stepping.PASSED[name]))
    st.markdown(_("Last step, event {id}: {done}").format(id=f"`{event_id[:8]}`", done=done))
    if view_button(_("trace →"), type="tertiary", key="step-trace"):
        permalinks.open_trace(event_id)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _start() -> None:
    st.session_state.pop(PASSED, None)
    stepping.start(resources.settings())


def _let_pass() -> None:
    try:
        st.session_state[PASSED] = stepping.let_pass(resources.settings())
    except NotHeld as error:  # another visitor was quicker
        st.toast(words.translate(extract_message(error)), icon=":material/info:")


def _end() -> None:
    st.session_state.pop(PASSED, None)
    stepping.end(resources.settings())
