"""Hold the pages, a module each. A new page is a module with a `PAGE`, and a line in `dashboard.site`.

The folder must not be called `pages`: Streamlit runs the files of a folder of that name, next to the entry script, as
scripts of their own whenever a visitor opens one of them first, before the entry script has declared the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PageSpec:
    path: str
    """The path in the URL."""
    title: str
    """Marked for translation with `N_`."""
    show: Callable[[], None]
    marks: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    """Name of a fragment → the function that returns its version (`dashboard.pulse`)."""
    parameters: tuple[str, ...] = ()
    """The parameters of its URL beside the language; those of other pages are removed from it."""
