"""`streamlit run dashboard/app.py`: the server of the pages; `ALPES_HOME` names the instance.

It answers to its own host names only (`stacks.hosts`), beside the pages also at `/pulse` (`dashboard.pulse`), and it begins to read before the first visitor comes. Whatever
takes long to import is imported once the server answers.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Thread

# `streamlit run` puts this script's folder first on the import path: the repository's own names come before it.
ROOT = str(Path(__file__).resolve().parent.parent)
if sys.path[0] != ROOT:
    sys.path.insert(0, ROOT)

import streamlit as st  # noqa: E402
from starlette.concurrency import run_in_threadpool  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import JSONResponse, Response  # noqa: E402
from starlette.routing import Route  # noqa: E402

from dashboard import whole_runs  # noqa: E402
from settings import load  # noqa: E402
from stacks.hosts import AllowedHosts, HostGuard  # noqa: E402


async def _pulse(request: Request) -> Response:
    names = request.query_params.get("of", "").split(",")
    return JSONResponse(await run_in_threadpool(_marks, names), headers={"cache-control": "no-store"})


def _marks(names: list[str]) -> dict[str, str]:
    from dashboard import pulse

    return pulse.marks(names)


@asynccontextmanager
async def _warm(_app: st.App) -> AsyncIterator[None]:
    Thread(target=_begin, name="warm", daemon=True).start()
    yield


def _begin() -> None:
    from dashboard import small_messages, warming

    small_messages.send_at_once()
    warming.warm()


whole_runs.keep_whole_runs()
app = st.App(
    Path(__file__).with_name("page.py"),
    routes=[Route("/pulse", _pulse)],
    lifespan=_warm,
    middleware=[Middleware(HostGuard, allowed=AllowedHosts(load()))],
)
