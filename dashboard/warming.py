"""Load in advance what the first visitor of a server would otherwise wait for."""

from __future__ import annotations

import logging
from importlib import import_module

from streamlit import delta_generator

log = logging.getLogger(__name__)

SLOW_IMPORTS = ("dashboard.frame", "numpy", "PIL.Image")
"""The module that imports all pages, and two that Streamlit needs to show a page's icon."""


def warm() -> None:
    """Start the readers and load what the first page needs, which saves its visitor 0.3 s.

    A failure is only logged: pages work without this.
    """
    from dashboard import i18n, resources

    resources.refresher().look()
    try:
        for name in SLOW_IMPORTS:
            import_module(name)
        i18n.warm()
        # At its first element Streamlit checks whether it runs in a shell, reading the source of each caller.
        delta_generator._maybe_print_use_warning()
    except Exception as error:
        log.warning("the first page is drawn slowly: %s", error)
