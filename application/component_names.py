"""Tell the names of components from other texts, because files of an instance are named after its components."""

from __future__ import annotations

import re

PATTERN = r"(database|broker|relay|observer|audit|commands|watcher|api|dashboard|notifications)(-[0-9]+)?"


def is_component(name: str) -> bool:
    """Return whether a component can have this name."""
    return re.fullmatch(PATTERN, name) is not None
