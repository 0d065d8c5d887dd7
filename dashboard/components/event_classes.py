"""Give each type of event the CSS class by which `live.css` colours it."""

from __future__ import annotations

from domain.changes import event_types

COLOURS = 6
"""Number of classes in `live.css`; with more types, colours repeat."""


def event_class(event_type: str) -> str:
    """Return `event-1` for the first registered type, and so on; `event-unknown` for a type that this program does not know."""
    types = list(event_types())
    return f"event-{types.index(event_type) % COLOURS + 1}" if event_type in types else "event-unknown"
