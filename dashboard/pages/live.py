"""The live page: the whole idea on one screen."""

from __future__ import annotations

import streamlit as st

from dashboard import resources
from dashboard.components import command_form, header, latency, tables
from dashboard.view_models import live


def show() -> None:
    header.show()
    form, state = st.columns([1, 2.6], gap="medium")
    with form, st.container(border=True):
        command_form.show()
    with state:
        _state()


@st.fragment(run_every=1)
def _state() -> None:
    """Refreshes alone, so that the form keeps what is typed."""
    found = live.read(resources.application(), resources.settings())
    database, feed = st.columns(2, gap="medium")
    with database:
        tables.database(found)
    with feed:
        tables.feed(found)
    chart, strip = st.columns([1.6, 1], gap="medium")
    with chart:
        latency.chart(found)
    with strip:
        latency.strip(found.counts)
