"""Draw the buttons: those that perform an action check the permission, the others change only what the visitor sees.

No other module draws buttons, so that none can forget the check.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from application.permissions import Action
from dashboard import access
from dashboard.guard import acting


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


def download_button(label: str, data: Any, file_name: str, mime: str, **looks: Any) -> None:
    """Draw a button that downloads a file."""
    st.download_button(label, data, file_name, mime, **looks)
