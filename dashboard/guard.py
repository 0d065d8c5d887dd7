"""Keep tracebacks off the pages, and draw nothing for a visitor whose access has ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

from application.permissions import Action, Forbidden
from dashboard import access, i18n, resources
from dashboard.i18n import _

P = ParamSpec("P")
log = logging.getLogger(__name__)


def guarded(show: Callable[P, None]) -> Callable[P, None]:
    """Wrap the function that draws a page or a fragment: it draws nothing more once the visitor's access has ended.

    An exception is shown as a sentence; its traceback goes to the log.
    """

    @wraps(show)
    def safe(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            if not access.admitted(resources.settings()):
                st.rerun()
                return  # outside Streamlit `rerun` returns: nothing is drawn then either
            # Found once: each text asks for the language, and Streamlit's session state is slow to read.
            with i18n.speaking_to(i18n.current_visitor(st.context.timezone)):
                show(*args, **kwargs)
        except Exception:
            log.exception("a page failed")
            st.error(
                _("This section of the page could not be drawn. Reload it; `./alpes logs dashboard` says why."),
                icon=":material/error:",
            )

    return safe


def acting(action: Action, act: Callable[P, object]) -> Callable[P, None]:
    """Wrap a control's callback to check the permission again: a browser may send a click on what was never drawn."""

    @wraps(act)
    def safe(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            access.require(action)
            act(*args, **kwargs)
        except Forbidden as error:
            log.warning("refused: %s", error)
            st.toast(_("This action is not allowed here."), icon=":material/block:")

    return safe
