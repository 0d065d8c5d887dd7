"""Start and stop a worker process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

from settings import Settings, load
from telemetry.process import telemetry


def run(name: str, main: Callable[[Settings, threading.Event], None]) -> None:
    """Run `main(settings, stop)`. SIGTERM or SIGINT sets `stop`; then `main` finishes its work in progress and returns."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = load()
    with telemetry(settings, name):
        main(settings, stop)
