"""Serve the pages: `streamlit run dashboard/app.py`; `ALPES_HOME` names the instance.

The server answers only to its own host names (`stacks.hosts`). Besides the pages it serves `/pulse`
(`dashboard.pulse`). The readers start before the first visitor comes. Modules that take long to import are imported
once the server answers.
"""

import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Thread
from types import ModuleType

# `streamlit run` puts this script's folder first on the import path; the repository must come before it.
ROOT = str(Path(__file__).resolve().parent.parent)
if sys.path[0] != ROOT:
    sys.path.insert(0, ROOT)

import streamlit as st  # noqa: E402
from starlette.concurrency import run_in_threadpool  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import JSONResponse, Response  # noqa: E402
from starlette.routing import Route  # noqa: E402

from dashboard import bursts, config_watching, kept_clicks, theme_messages, whole_runs  # noqa: E402
from dashboard.first_sight import FirstSight  # noqa: E402
from dashboard.streamlit_files import StreamlitFiles  # noqa: E402
from settings import load  # noqa: E402
from stacks.hosts import AllowedHosts, HostGuard  # noqa: E402


async def _answer_pulse(request: Request) -> Response:
    named = (name.partition("~") for name in request.query_params.get("of", "").split(","))
    drawn = {name: version for name, _, version in named}
    pulse = await run_in_threadpool(_load_pulse, drawn)
    return JSONResponse(await pulse.await_change(drawn), headers={"cache-control": "no-store"})


def _load_pulse(names: Iterable[str]) -> ModuleType:
    # Slow to load, and the server must answer before. The frame registers the fragments of all pages.
    from dashboard import frame, pulse  # noqa: F401

    pulse.marks(names)  # creates what the first look at a version creates, which may take long, too
    return pulse


@asynccontextmanager
async def _start_warming(_app: st.App) -> AsyncIterator[None]:
    Thread(target=_warm, name="warm", daemon=True).start()
    yield


def _warm() -> None:
    from dashboard import small_messages, warming

    small_messages.send_at_once()
    warming.warm()


bursts.send_bursts()
theme_messages.compose_once()
whole_runs.keep_whole_runs()
kept_clicks.keep_clicks()
config_watching.watch_seldom()
app = st.App(
    Path(__file__).with_name("page.py"),
    routes=[Route("/pulse", _answer_pulse)],
    lifespan=_start_warming,
    middleware=[
        Middleware(HostGuard, allowed=AllowedHosts(load())),
        Middleware(StreamlitFiles),
        Middleware(FirstSight),
    ],
)
