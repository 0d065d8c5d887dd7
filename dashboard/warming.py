"""Load in advance what the first visitor of a server would otherwise wait for."""

from __future__ import annotations

import logging
from importlib import import_module

from streamlit import delta_generator

from dashboard import i18n, resources
from dashboard.first_sight import COUNTED_WITHIN_S
from dashboard.visiting import open_stream, request_drawing
from settings import Settings

log = logging.getLogger(__name__)

SLOW_IMPORTS = ("dashboard.frame", "numpy", "PIL.Image")
"""The module that imports all pages, and two that Streamlit needs to show a page's icon."""


def warm() -> None:
    """Start the readers, load what the first page needs and draw it once, which saves its visitor up to a second.

    A failure is only logged: pages work without this.
    """
    refresher = resources.refresher()
    refresher.look()
    # The imports would slow the first count down, which the home page is sent with.
    refresher.await_count(COUNTED_WITHIN_S)
    try:
        for name in SLOW_IMPORTS:
            import_module(name)
        i18n.warm()
        # At its first element Streamlit checks whether it runs in a shell, reading the source of each caller.
        delta_generator._maybe_print_use_warning()
        _visit(resources.settings())
    except Exception as error:
        log.warning("the first page is drawn slowly: %s", error)


def _visit(settings: Settings) -> None:
    """Open the home page in each language, and discard what arrives."""
    for language in i18n.LANGUAGES:
        with open_stream(settings) as stream:
            for _message in request_drawing(stream, language):
                pass
