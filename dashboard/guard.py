"""What must never show on a page: a traceback, and anything at all to whose access has ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

from application.permissions import Action, Forbidden
from dashboard import access, resources
from dashboard.i18n import _

P = ParamSpec("P")
log = logging.getLogger(__name__)


def guarded(show: Callable[P, None]) -> Callable[P, None]:
    """Around every page and every fragment: an open page is not drawn on once its visitor's access has ended.

    What fails says so in a sentence; the traceback goes to the log.
    """

    @wraps(show)
    def safe(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            if not access.admitted(resources.settings()):
                st.rerun()
                return  # where there is nothing to run again, nothing is drawn either
            show(*args, **kwargs)
        except Exception:
            log.exception("a page failed")
            st.error(
                _("This part of the page could not be drawn. Reload it; `./alpes logs dashboard` says why."),
                icon=":material/error:",
            )

    return safe


def acting(action: Action, act: Callable[P, object]) -> Callable[P, None]:
    """A control's callback that asks again whether it may, when it is called: a browser may send what was never drawn."""

    @wraps(act)
    def safe(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            access.require(action)
            act(*args, **kwargs)
        except Forbidden as error:
            log.warning("refused: %s", error)
            st.toast(_("That may not be done here."), icon=":material/block:")

    return safe
