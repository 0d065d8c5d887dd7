"""Tell open pages that something changed.

The browser asks `/pulse`, whose answer waits for a change (docs/decisions/0096), and refreshes a fragment only when its version
changed. A refresh costs the server tens of milliseconds even if nothing changed (docs/decisions/0024).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import i18n, resources

PAUSE_MS = 50
"""Time between the drawing of a change, or an answer without one, and the page's next request. A page in a hidden tab sends none."""
HOLDS_S = 2.0
"""How long an answer waits for a change. A browser has six connections to a host: with more visible pages, some wait for one."""
LOOKS_EVERY_S = 0.1
TURN_S = 0.03
"""Time between two answers that make pages draw: about what a drawing costs. Pages that are drawn at once wait for one another."""
TURN_WITHIN_S = 1.0
MOVING_S = 0.5
"""Time between two refreshes while something on the page depends on the time itself."""
EVERYWHERE = ("lang", "present", "embed", "embed_options")
"""The parameters that the URL of every page may have."""
ASSETS = Path(__file__).parent / "assets"
_versions: dict[str, Callable[[], object]] = {}
_parameters: dict[str, list[str]] = {}


def register(versions: Mapping[str, Callable[[], object]], parameters: Mapping[str, Sequence[str]]) -> None:
    """Declare the fragments of all pages and the parameters of their URLs. `dashboard.frame` does this when it is imported.

    `versions`: name of a fragment → the function that returns its version. `parameters`: path of a page → the parameters
    that its URL may have beside those of every page; the first page is the home page, which has an empty path, too.
    """
    _versions.update(versions)
    _parameters.update({path: [*EVERYWHERE, *names] for path, names in parameters.items()})
    _parameters[""] = _parameters[next(iter(parameters))]


def marks(names: Iterable[str]) -> dict[str, str]:
    """Return the version of each named fragment; it changes when the fragment must be drawn again.

    A version reveals only that something changed, so the request needs no login. Names of no fragment are left out.
    """
    resources.refresher().look()
    return {name: f"{hash(_versions[name]()):x}" for name in names if name in _versions}


async def await_change(drawn: Mapping[str, str], within_s: float = HOLDS_S) -> dict[str, str]:
    """Return the versions (`marks`) of the named fragments when one differs from the one `drawn`, or after `within_s` seconds.

    `drawn`: name of a fragment → the version that the page shows; an empty one differs from every other.
    """
    ends_at = time.monotonic() + within_s
    while (versions := marks(drawn)) == {name: drawn[name] for name in versions}:
        remaining_s = ends_at - time.monotonic()
        if remaining_s <= 0 or not versions:
            return versions
        await asyncio.sleep(min(LOOKS_EVERY_S, remaining_s))
    await _turns.take()
    return marks(drawn)


class _Turns:
    """Pages that draw one after the other. Used in the server's event loop alone."""

    def __init__(self) -> None:
        self._next_at = 0.0

    async def take(self) -> None:
        """Wait until the page before has had time to draw, `TURN_WITHIN_S` at most."""
        now = time.monotonic()
        at = min(max(now, self._next_at), now + TURN_WITHIN_S)
        self._next_at = at + TURN_S
        await asyncio.sleep(at - now)


_turns = _Turns()


def moment(moving: bool) -> int:
    """Return a number to include in a version: it changes twice a second while `moving`, else it is 0."""
    return int(time.time() / MOVING_S) if moving else 0


@cache
def _component() -> Any:
    return st.components.v2.component("alpes_pulse", js=(ASSETS / "pulse.js").read_text(encoding="utf-8"))


@contextmanager
def followed(name: str) -> Iterator[None]:
    """Wrap all that a fragment draws: the fragment runs again when its version differs from the one at entry."""
    drawn = marks([name])[name]
    yield
    # Sent last: a browser that received it before the rest would request the next run in the middle of this one.
    _component()(
        data={
            "name": name,
            "drawn": drawn,
            "page": st.session_state.get("page", ""),
            "language": i18n.language(),
            # A tuple: for a list, Streamlit would import pandas to find out whether it is a table.
            "parameters": tuple(_parameters.get(st.session_state.get("page", ""), EVERYWHERE)),
            "pause": PAUSE_MS,
        },
        key=f"pulse-{name}",
        on_changed_change=lambda: None,
    )


def draw_again() -> None:
    """Rerun the fragment that is being drawn, or the whole page if the whole page is being drawn."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    st.rerun(scope="fragment" if context is not None and context.fragment_ids_this_run else "app")
