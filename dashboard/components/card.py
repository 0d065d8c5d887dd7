"""Draw cards: a title with an explanation on hover, the other ways to do the same, and a container for the content."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.i18n import _
from dashboard.view_models.how import Ways

LANGUAGE_OF = {"SQL": "sql"}


def card(name: str, title: str, meaning: str, ways: Ways | None = None) -> DeltaGenerator:
    """Draw a card and return the container for its content; `name` must be unique on a page."""
    box = st.container(key=f"card-{name}", border=True)
    with box, st.container(key=f"title-{name}", horizontal=True):
        st.header(title, anchor=False, help=meaning, width="content")
        if ways is not None:
            show_me_how(ways)
    return box.container()


def show_me_how(ways: Ways) -> None:
    """Draw a popover with what to type instead, for each tool, ready to copy."""
    with st.popover(_("From a terminal"), type="tertiary", width="content"):
        draw_ways(ways)


def draw_ways(ways: Ways) -> None:
    """Draw what to type instead, for each tool, ready to copy: as one element, since a page has many of these popovers."""
    blocks = (f"**{tool}**\n~~~{LANGUAGE_OF.get(tool, 'bash')}\n{text}\n~~~" for tool, text in ways.items())
    st.markdown("\n\n".join(blocks))
