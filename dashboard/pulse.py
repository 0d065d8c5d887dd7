"""Tell open pages that something changed.

The browser holds a WebSocket to `/pulse` open and says which version of each fragment it shows; the server answers when a
version is another, and the browser refreshes that fragment. A refresh costs the server tens of milliseconds even if nothing
changed (docs/decisions/0024); to compare versions costs it a tenth of one.
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
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard import i18n, resources

EVERY_MS = 300
"""Least time between two refreshes of a fragment. The first change after a pause is shown at once."""
CHECK_S = 0.1
"""Time between two comparisons of the versions for an open page. A page in a hidden tab closes its connection."""
MOVING_S = 0.5
"""Time between two refreshes while something on the page depends on the time itself."""
EVERYWHERE = ("lang", "present", "embed", "embed_options")
"""The parameters that the URL of every page may have."""
ASSETS = Path(__file__).parent / "assets"
_versions: dict[str, Callable[[], object]] = {}
_parameters: dict[str, list[str]] = {}
_calculated: dict[str, tuple[float, str]] = {}
"""Name of a fragment → when its version was calculated last, by the monotonic clock, and the version."""


def register(versions: Mapping[str, Callable[[], object]], parameters: Mapping[str, Sequence[str]]) -> None:
    """Declare the fragments of all pages and the parameters of their URLs. `dashboard.frame` does this when it is imported.

    `versions`: name of a fragment → the function that returns its version. `parameters`: path of a page → the parameters
    that its URL may have beside those of every page; the first page is the home page, which has an empty path, too.
    """
    _versions.update(versions)
    _parameters.update({path: [*EVERYWHERE, *names] for path, names in parameters.items()})
    _parameters[""] = _parameters[next(iter(parameters))]


def marks(names: Iterable[str], oldest_s: float = 0.0) -> dict[str, str]:
    """Return the version of each named fragment; it changes when the fragment must be drawn again.

    A version reveals only that something changed, so the page needs no login for it. Names of no fragment are left out. A
    version that another page asked for within `oldest_s` seconds is not calculated again.
    """
    resources.refresher().look()
    return {name: _mark(name, oldest_s) for name in names if name in _versions}


def _mark(name: str, oldest_s: float) -> str:
    now = time.monotonic()
    at, version = _calculated.get(name, (0.0, ""))
    if not at or now - at > oldest_s:
        version = f"{hash(_versions[name]()):x}"
        _calculated[name] = now, version
    return version


async def follow(socket: WebSocket) -> None:
    """Send the page the versions of its fragments each time that one differs from what it shows, until it goes away.

    The page sends an object, name of a fragment → version shown, first and each time that one was drawn. A page that sends
    anything else is disconnected.
    """
    await socket.accept()
    page = _OpenPage(socket)
    listening = asyncio.create_task(page.listen())
    try:
        while not listening.done():
            # The first comparison may create the readers, which takes long.
            await (page.compare() if page.compared else run_in_threadpool(page.prepare))
            await asyncio.wait([listening], timeout=CHECK_S)
    finally:
        listening.cancel()


class _OpenPage:
    """One open page: what it shows, and what it was sent."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._drawn: dict[str, str] = {}
        self._sent: dict[str, str] | None = None
        self.compared = False

    async def listen(self) -> None:
        """Keep what the page says that it shows; return when it is gone or says what is not understood."""
        try:
            while True:
                versions = await self._socket.receive_json()
                if not isinstance(versions, dict):
                    raise ValueError("not an object")
                self._drawn, self._sent, self.compared = versions, None, False
        except (WebSocketDisconnect, KeyError):  # KeyError: a message that is no text
            return
        except ValueError:
            await self._socket.close(code=1003, reason="an object of fragments and versions is expected")

    def prepare(self) -> None:
        """Call each version function once, in a thread, because the first call of one may create what it reads."""
        marks(self._drawn)
        self.compared = True

    async def compare(self) -> None:
        """Send the versions when one differs from what the page shows, once."""
        now = marks(self._drawn, CHECK_S / 2)
        if now == self._sent or all(self._drawn[name] == version for name, version in now.items()):
            return
        self._sent = now
        try:
            await self._socket.send_json(now)
        except (WebSocketDisconnect, RuntimeError):  # the page has gone away meanwhile
            return


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
            "parameters": _parameters.get(st.session_state.get("page", ""), list(EVERYWHERE)),
            "every": EVERY_MS,
        },
        key=f"pulse-{name}",
        on_changed_change=lambda: None,
    )


def draw_again() -> None:
    """Rerun the fragment that is being drawn, or the whole page if the whole page is being drawn."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    st.rerun(scope="fragment" if context is not None and context.fragment_ids_this_run else "app")
