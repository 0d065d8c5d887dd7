"""How every worker process starts and stops."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable

from settings import Settings, load


def run(name: str, main: Callable[[Settings, threading.Event], None]) -> None:
    """Run `main(settings, stop)` until SIGTERM or SIGINT sets `stop`; what it is doing is finished first."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = load()
    logging.getLogger(name).info("starting on the %s stack, home %s", settings.stack, settings.home)
    main(settings, stop)
    logging.getLogger(name).info("stopped")
