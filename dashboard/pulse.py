"""How an open page learns that something changed: its browser asks `/pulse` in a few bytes, and draws only then.

A refresh costs the server tens of milliseconds even where nothing changed (docs/decisions/0024); the question costs one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import resources

EVERY_MS = 300
"""Between two questions of one open page; one that nobody looks at asks none."""
MOVING_S = 0.5
"""How often a page is drawn while something depends on time itself."""
ASSETS = Path(__file__).parent / "assets"


def marks(names: Iterable[str]) -> dict[str, str]:
    """Name → a mark that is another one as soon as what is shown under it is to be drawn anew.

    It tells no more than that something changed, so whoever asks needs no login. Names nobody follows are left out.
    """
    resources.refresher().look()
    known = _known()
    return {name: f"{hash(known[name]()):x}" for name in names if name in known}


def moment(moving: bool) -> int:
    """For a mark: another one twice a second while something depends on time itself."""
    return int(time.time() / MOVING_S) if moving else 0


@cache
def _known() -> Mapping[str, Callable[[], object]]:
    from dashboard.screens import all_pages

    return {"frame": lambda: resources.refresher().health.version} | {
        name: mark for page in all_pages() for name, mark in page.marks.items()
    }


@cache
def _component() -> Any:
    return st.components.v2.component("alpes_pulse", js=(ASSETS / "pulse.js").read_text(encoding="utf-8"))


@contextmanager
def followed(name: str) -> Iterator[None]:
    """Around all that a fragment draws: it runs again whenever its mark is another one than when this was entered."""
    drawn = marks([name])[name]
    yield
    # Last of all: a page that was told so before the rest came would ask for the next run in the middle of this one.
    _component()(
        data={"name": name, "drawn": drawn, "page": st.session_state.get("page", ""), "every": EVERY_MS},
        key=f"pulse-{name}",
        on_changed_change=lambda: None,
    )


def draw_again() -> None:
    """Draw this fragment once more, or the page where it is being drawn whole."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    st.rerun(scope="fragment" if context is not None and context.fragment_ids_this_run else "app")
