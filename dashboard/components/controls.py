"""Draw the buttons: those that perform an action check the permission, the others change only what the visitor sees.

No other module draws buttons, so that none can forget the check.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from application.permissions import Action
from dashboard import access, i18n
from dashboard.guard import acting
from dashboard.i18n import _


def act_button(
    action: Action, label: str, act: Callable[..., object], args: tuple[Any, ...] = (), **looks: Any
) -> None:
    """Draw a button that performs an action; draw nothing if the visitor may not."""
    if access.may(action):
        st.button(label, on_click=acting(action, act), args=args, **looks)


def submit_button(action: Action, label: str, act: Callable[..., object], **looks: Any) -> None:
    """Draw the button that submits a form; draw nothing if the visitor may not perform the action."""
    if access.may(action):
        st.form_submit_button(label, on_click=acting(action, act), **looks)


def view_button(label: str, show: Callable[..., None] | None = None, args: tuple[Any, ...] = (), **looks: Any) -> bool:
    """Draw a button that changes only what this visitor sees; return whether it was pressed."""
    return st.button(label, on_click=show, args=args, **looks)


def number_field(
    label: str, least: float, most: float, value: float | None, step: float, key: str, **looks: Any
) -> float | None:
    """Draw a field for a number and return it; None, and a sentence below the field, when it is not within the limits.

    Streamlit's own limits keep a wrong number in the browser, and give the page the last right one.
    """
    st.session_state.setdefault(key, value)
    typed: float | None = st.number_input(label, value=None, step=step, key=key, **looks)
    if (typed is None and value is None) or (typed is not None and least <= typed <= most):
        return typed
    limits = {"a": i18n.number(least, _digits(least)), "b": i18n.number(most)}
    st.caption("▲ " + _("Must be between {a} and {b}.").format(**limits))
    return None


def _digits(value: float) -> int:
    return 0 if float(value).is_integer() else 1


def download_button(label: str, data: Any, file_name: str, mime: str, **looks: Any) -> None:
    """Draw a button that downloads a file."""
    st.download_button(label, data, file_name, mime, **looks)
