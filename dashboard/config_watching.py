"""Look seldom whether Streamlit's configuration files have changed.

Streamlit looks at four of them five times a second, which costs a third of a percent of a core and wakes a processor that could sleep.
"""

from __future__ import annotations

from streamlit.watcher import polling_path_watcher

SELDOM_S = 5.0


def watch_seldom() -> None:
    """Let every watcher of a file that this server starts look every `SELDOM_S`."""
    polling_path_watcher._POLLING_PERIOD_SECS = SELDOM_S  # type: ignore[misc]
