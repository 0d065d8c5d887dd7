"""`streamlit run dashboard/app.py`: the server of the pages; `ALPES_HOME` names the instance.

Beside the pages it answers `/pulse` (`dashboard.pulse`), and it begins to read before the first visitor comes.
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
from starlette.routing import Route  # noqa: E402

from dashboard import frame, pulse  # noqa: E402


@asynccontextmanager
async def _ready(_app: st.App) -> AsyncIterator[None]:
    Thread(target=frame.warm, name="warm", daemon=True).start()
    yield


app = st.App(Path(__file__).with_name("page.py"), routes=[Route("/pulse", pulse.answer)], lifespan=_ready)
