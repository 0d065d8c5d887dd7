"""Which stack this is, with its parts' real versions, and how each part is."""

from __future__ import annotations

import streamlit as st

from dashboard import resources
from stacks import health
from stacks.health import PartHealth

COLOURS = {"ok": "green", "behind": "orange", "down": "red"}


def show() -> None:
    settings = resources.settings()
    versions = " · ".join(resources.versions().values())
    st.html("<style>.stMainBlockContainer { padding: 2.5rem 2rem 2rem; } .stMetric { padding: 0; }</style>")
    st.title("Alpes Commissions", anchor=False)
    st.markdown(f":blue-badge[**{settings.stack.upper()}**] {versions}")
    _lights()


@st.fragment(run_every=2)
def _lights() -> None:
    rows = health.check(resources.settings(), resources.application().engine)
    st.markdown(" ".join(_badge(row) for row in rows))
    down = [row for row in rows if row.light == "down"]
    if down:
        st.warning("  \n".join(f"**{row.part}** is down: {row.detail}" for row in down), icon="⚠️")


def _badge(row: PartHealth) -> str:
    return f":{COLOURS[row.light]}-badge[{'●' if row.light == 'ok' else '▲'} {row.part}]"
