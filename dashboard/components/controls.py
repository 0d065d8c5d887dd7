"""The buttons. Each says what it does: something that one must be allowed to do, or nothing but what its visitor sees.

No other module makes buttons, so that none can forget to ask.
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
    """A button that does it. Where its visitor may not, there is none."""
    if access.may(action):
        st.button(label, on_click=acting(action, act), args=args, **looks)


def submit_button(action: Action, label: str, act: Callable[..., object], **looks: Any) -> None:
    """The same at the end of a form."""
    if access.may(action):
        st.form_submit_button(label, on_click=acting(action, act), **looks)


def view_button(label: str, show: Callable[..., None] | None = None, args: tuple[Any, ...] = (), **looks: Any) -> bool:
    """A button that changes only what this visitor sees; whether it was pressed."""
    return st.button(label, on_click=show, args=args, **looks)


def download_button(label: str, data: Any, file_name: str, mime: str, **looks: Any) -> None:
    """Takes a file away."""
    st.download_button(label, data, file_name, mime, **looks)
