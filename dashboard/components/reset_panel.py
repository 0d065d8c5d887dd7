"""Draw the panel that resets the instance.

It asks first. The reset runs in a separate process, because it stops this page's server too.
"""

from __future__ import annotations

import streamlit as st

from application.permissions import Action
from dashboard import access, resources
from dashboard.components.card import card, show_me_how
from dashboard.components.controls import act_button, view_button
from dashboard.components.markup import tag
from dashboard.guard import guarded
from dashboard.i18n import _
from dashboard.view_models import how_to_break as how
from dashboard.view_models import operations
from stacks.jobs import JobRuns


def show() -> None:
    if not access.may(Action.RESET):
        return
    meaning = _(
        "Tables, topics, the observer's store and the audit file are emptied together, so that they still agree."
    )
    with card("reset", _("Reset"), meaning):
        st.html(
            tag(
                "div",
                tag("p", _("The run history is kept when the tables are reset, and deleted when everything is.")),
                class_="alpes-live",
            )
        )
        with st.container(key="buttons-reset", horizontal=True):
            if view_button(_("Reset the tables…"), key="reset"):
                _confirm("reset")
            if view_button(_("Reset everything…"), key="reset-all"):
                _confirm("reset-all")
            show_me_how({**how.reset(False), "shell": how.reset(True)["./alpes"]})


def _confirm(name: str) -> None:
    title = _("Reset everything?") if name == "reset-all" else _("Reset the tables?")
    st.dialog(title)(guarded(lambda: _dialog(name)))()


def _dialog(name: str) -> None:
    begun = st.session_state.pop("reset_begun", None)
    if begun:
        st.rerun()
    if name == "reset-all":
        st.markdown(
            _(
                "The stack stops, **all its data is deleted**, with the runs and the components' logs, and it starts again."
            )
        )
    else:
        st.markdown(_("**All commissions and events are deleted** once those on their way have arrived."))
    st.markdown(
        _(
            "This page's server is stopped too. The page comes back by itself, in some ten seconds, and says how it went."
        )
    )
    if begun is False:
        st.warning(_("This is already in progress."))
    act_button(Action.RESET, _("Delete it all"), _begin, (name,), key=f"{name}-now", type="primary")


def _begin(name: str) -> None:
    try:
        operations.reset(resources.settings(), name)
    except JobRuns:
        st.session_state["reset_begun"] = False
    else:
        st.session_state["reset_begun"] = True
