"""The pages. A new one is a module with a `PAGE`, and its line in `all_pages`.

The folder may not be called `pages`: beside its entry, Streamlit runs the files of a folder of that name as scripts of
their own whenever someone comes to one of them first, before the entry has said what the pages are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PageSpec:
    path: str
    """In the URL."""
    title: str
    """Marked for translation with `N_`."""
    show: Callable[[], None]
    marks: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    """What its fragments follow (`dashboard.pulse`): by name, something that is another one when they are to be drawn."""


def all_pages() -> tuple[PageSpec, ...]:
    """In the order of the navigation; the first is home."""
    from dashboard.screens import guide, latency, live, operations, scenarios, trace

    return (
        live.PAGE,
        trace.PAGE,
        latency.PAGE,
        scenarios.PAGE,
        operations.PAGE,
        guide.PAGE,
    )
