"""Keep what a visitor chose on a page in its URL, so that it leads others, and a reload, to the same view; open such URLs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NoReturn

import streamlit as st

from dashboard import i18n


def restore(parameters: Mapping[str, str], offered: Mapping[str, Collection[str]] | None = None) -> None:
    """Set widgets from the URL before they are drawn, unless the visitor has changed them since.

    `parameters`: name in the URL → key of the widget. `offered`: name → the values that the widget offers; others are
    ignored.
    """
    for name, key in parameters.items():
        value = st.query_params.get(name)
        if value is None or key in st.session_state:
            continue
        if offered is None or name not in offered or value in offered[name]:
            st.session_state[key] = value


def note(name: str, key: str) -> Callable[[], None]:
    """Return a widget's callback that writes its value into the URL; an empty value leaves it."""

    def write() -> None:
        value = st.session_state.get(key)
        if value:
            st.query_params[name] = str(value)
        else:
            st.query_params.pop(name, None)

    return write


def open_trace(reference: str) -> NoReturn:
    """Open the trace page for an event, commission, conversion or correlation id."""
    st.switch_page(st.session_state["pages"]["trace"], query_params={"id": reference, "lang": i18n.language()})
