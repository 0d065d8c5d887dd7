"""How an open page learns that something changed: its browser asks `/pulse` in a few bytes, and draws only then.

A refresh costs the server tens of milliseconds even where nothing changed (docs/decisions/0024); the question costs one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import resources
from dashboard.view_models.reconciling import counts

EVERY_MS = 300
"""Between two questions of one open page; one that nobody looks at asks none."""
MOVING_S = 0.5
"""How often a page is drawn while something depends on time itself."""
ASSETS = Path(__file__).parent / "assets"


def marks() -> dict[str, str]:
    """Name → a mark that is another one as soon as what is shown under it is to be drawn anew.

    It tells no more than that something changed, so whoever asks needs no login.
    """
    refresher = resources.refresher()
    refresher.look()
    database, feed, health, faults = refresher.database, refresher.feed, refresher.health, refresher.fault_history
    judged = resources.judge().look(counts(database, feed), time.monotonic())
    moving = judged != "equal" or any(window.ended_at is None for window in faults.windows())
    moment = int(time.time() / MOVING_S) if moving else 0
    frame = f"{health.version}"
    return {"frame": frame, "live": f"{frame}.{database.version}.{feed.version}.{faults.version}.{moment}"}


@cache
def _component() -> Any:
    return st.components.v2.component("alpes_pulse", js=(ASSETS / "pulse.js").read_text(encoding="utf-8"))


@contextmanager
def followed(name: str) -> Iterator[None]:
    """Around all that a fragment draws: it runs again whenever its mark is another one than when this was entered."""
    drawn = marks()[name]
    yield
    # Last of all: a page that was told so before the rest came would ask for the next run in the middle of this one.
    _component()(
        data={"name": name, "drawn": drawn, "every": EVERY_MS},
        key=f"pulse-{name}",
        on_changed_change=lambda: None,
    )
