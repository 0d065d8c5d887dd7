"""Back to empty: confirmed, and done outside the page, whose server is stopped too."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard import resources
from dashboard.components.card import card, show_me_how
from dashboard.components.markup import tag
from dashboard.i18n import _
from dashboard.view_models import how_to_break as how
from dashboard.view_models import operations
from stacks.jobs import JobRuns


def show() -> None:
    meaning = _(
        "Tables, topics, the observer's store and the audit file are emptied together, so that they still agree."
    )
    with card("reset", _("Back to empty"), meaning):
        st.html(
            tag(
                "div",
                tag("p", _("The history of scenario runs stays, except when everything goes.")),
                class_="alpes-live",
            )
        )
        with st.container(key="buttons-reset", horizontal=True):
            if st.button(_("Reset the tables…"), key="reset"):
                _confirm("reset")
            if st.button(_("Reset everything…"), key="reset-all"):
                _confirm("reset-all")
            show_me_how({**how.reset(False), "shell": how.reset(True)["./alpes"]})


def _confirm(name: str) -> None:
    title = _("Reset everything?") if name == "reset-all" else _("Reset the tables?")
    st.dialog(title)(partial(_dialog, name))()


def _dialog(name: str) -> None:
    if name == "reset-all":
        st.markdown(
            _("The stack stops, **all its data are deleted**, runs and logs of parts too, and it starts again.")
        )
    else:
        st.markdown(_("**All commissions and events are deleted** once those on their way have arrived."))
    st.markdown(
        _(
            "This page's server is stopped too. The page comes back by itself, in some ten seconds, and says how it went."
        )
    )
    if st.button(_("Delete it all"), key=f"{name}-now", type="primary"):
        try:
            operations.reset(resources.settings(), name)
        except JobRuns:
            st.warning(_("It is under way already."))
            return
        st.rerun()
