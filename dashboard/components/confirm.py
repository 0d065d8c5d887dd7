"""Draw buttons that ask before they act, show the other ways to do the same, and close after they acted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from application.permissions import Action
from dashboard import access
from dashboard.components.card import draw_ways
from dashboard.components.controls import act_button
from dashboard.i18n import _
from dashboard.view_models.how import Ways


def confirm(
    action: Action,
    label: str,
    key: str,
    sentence: str,
    do: str,
    act: Callable[..., object],
    args: tuple[Any, ...] = (),
    ways: Callable[..., Ways] | None = None,
    ask: Callable[[], Any] | None = None,
    disabled: bool = False,
) -> None:
    """Draw a button that asks before it calls `act`; draw nothing if the visitor may not perform the action.

    `ask` draws a further field; its value is passed to `act` and `ways` after `args`. None stands for a wrong one, with which
    nothing can be done.
    """
    if not access.may(action):
        return
    with st.popover(label, key=key, on_change="rerun", width="content", disabled=disabled):
        st.markdown(sentence)
        values = args if ask is None else (*args, ask())
        valid = None not in values
        act_button(action, do, _close, (key, act, values), key=f"{key}-now", type="primary", disabled=not valid)
        if ways is not None and valid:
            _other_ways(ways(*values))


def _close(key: str, act: Callable[..., object], values: tuple[Any, ...]) -> None:
    st.session_state[key] = False
    act(*values)


def _other_ways(ways: Ways) -> None:
    """Draw the other ways in an expander, because a popover cannot contain another popover."""
    with st.expander(_("From a terminal")):
        draw_ways(ways)
