"""A button that asks before it acts, tells the other ways to do the same, and closes when it has acted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from application.permissions import Action
from dashboard import access
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
    """Nothing where its visitor may not. `ask` draws one more field; its value goes to `act` and `ways`, behind `args`."""
    if not access.may(action):
        return
    with st.popover(label, key=key, on_change="rerun", width="content", disabled=disabled):
        st.markdown(sentence)
        values = args if ask is None else (*args, ask())
        act_button(action, do, _close, (key, act, values), key=f"{key}-now", type="primary")
        if ways is not None:
            _other_ways(ways(*values))


def _close(key: str, act: Callable[..., object], values: tuple[Any, ...]) -> None:
    st.session_state[key] = False
    act(*values)


def _other_ways(ways: Ways) -> None:
    """Inside a popover another one cannot stand: behind an expander."""
    with st.expander(_("Show me how")):
        for tool, text in ways.items():
            st.caption(f"**{tool}**")
            st.code(text, language="bash", wrap_lines=True)
