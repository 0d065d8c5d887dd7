"""What the first visitor of a server would wait for, done before one comes."""

from __future__ import annotations

import logging
from importlib import import_module

from streamlit import delta_generator

log = logging.getLogger(__name__)

SLOW_IMPORTS = ("dashboard.frame", "numpy", "PIL.Image")
"""What pages import; Streamlit takes the others to show a page's icon."""


def warm() -> None:
    """Begin to read what pages show, and load what the first page needs: 0.3 s that its visitor does not wait.

    A page works without it: what fails is logged.
    """
    from dashboard import i18n, resources

    resources.refresher().look()
    try:
        for name in SLOW_IMPORTS:
            import_module(name)
        i18n.warm()
        # With its first element Streamlit asks whether it runs in a shell, for which it reads the source of each caller.
        delta_generator._maybe_print_use_warning()
    except Exception as error:
        log.warning("the first page is drawn slowly: %s", error)
