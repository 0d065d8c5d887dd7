"""Start and stop a worker process."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable

from application.components import REPLAY, get_base_name
from settings import Settings, load
from telemetry.process import telemetry

ENDS_WITHIN_S = 10.0
"""Time in which `main` returns after its stop, before a process of a replay ends by itself."""


def run(name: str, main: Callable[[Settings, threading.Event], None]) -> None:
    """Run `main(settings, stop)`. SIGTERM or SIGINT sets `stop`; then `main` finishes its work in progress and returns.

    For a process of a replay, the end of its standard input does so too.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if get_base_name(os.environ.get("ALPES_PART", "")) == REPLAY:
        threading.Thread(target=_end_with_starter, args=(stop,), name="starter", daemon=True).start()
    settings = load()
    with telemetry(settings, name):
        main(settings, stop)


def _end_with_starter(stop: threading.Event) -> None:
    """Wait for the end of the standard input, which comes when the starter wants this process to end, or has ended itself."""
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 1):
            pass
    stop.set()
    threading.Event().wait(ENDS_WITHIN_S)  # `main` returns meanwhile, and this thread ends with the process
    os._exit(1)
