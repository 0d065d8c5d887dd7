"""Present the pages to an audience: large type, and neither forms nor side controls. `?present=1` in the URL turns it on."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.components.controls import view_button
from dashboard.i18n import _

PARAMETER, ON = "present", "1"
ASSETS = Path(__file__).parent / "assets"


def choose() -> None:
    """Read the mode from the URL when a visitor comes, and keep it in the URL of every page that they open."""
    state = st.session_state
    if PARAMETER in st.query_params:
        state["presenting"] = st.query_params[PARAMETER] == ON
    _write_address()


def is_on() -> bool:
    return bool(st.session_state.get("presenting"))


def draw_switch() -> None:
    """Draw the switch, and what presses it when a key is typed; the style sheet hides what is not presented."""
    presenting = is_on()
    with st.container(key="presenting" if presenting else "not-presenting", horizontal=True, width="content"):
        label = _("Stop presenting") if presenting else _("Present")
        meaning = _("Esc or p") if presenting else _("Large type, without forms. The key is p.")
        icon = ":material/close:" if presenting else ":material/slideshow:"
        view_button(label, _toggle, key="present_switch", icon=icon, help=meaning)
        _component()(data={"presenting": presenting, "label": _("Full screen")}, key="present-keys")


def _toggle() -> None:
    st.session_state["presenting"] = not is_on()
    _write_address()


def _write_address() -> None:
    if is_on():
        st.query_params[PARAMETER] = ON
    else:
        st.query_params.pop(PARAMETER, None)


@cache
def _component() -> Any:
    javascript = (ASSETS / "keys.js").read_text(encoding="utf-8")
    return st.components.v2.component("alpes_present", js=javascript, isolate_styles=False)
