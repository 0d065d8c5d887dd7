"""How an open page learns that something changed: its browser asks `/pulse` in a few bytes, and draws only then.

A refresh costs the server tens of milliseconds even where nothing changed (docs/decisions/0024); the question costs one.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dashboard import resources
from dashboard.view_models.reconciling import counts

EVERY_MS = 300
"""Between two questions of one open page; one that nobody looks at asks none."""
MOVING_S = 0.5
"""How often a page is drawn while something depends on time itself."""
ASSETS = Path(__file__).parent / "assets"


async def answer(_request: Request) -> Response:
    """The marks of what pages show, by name. Tells no more than that something changed, so it needs no login."""
    return JSONResponse(await run_in_threadpool(marks), headers={"cache-control": "no-store"})


def marks() -> dict[str, str]:
    """Name → a mark that is another one as soon as what is shown under it is to be drawn anew."""
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


def follow(name: str) -> None:
    """Run the fragment that calls this again whenever its mark is another one than now."""
    _component()(
        data={"name": name, "drawn": marks()[name], "every": EVERY_MS},
        key=f"pulse-{name}",
        on_changed_change=lambda: None,
    )
