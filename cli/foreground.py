"""`up` in the foreground: Ctrl-C, a closed terminal and a supervisor that is gone."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from settings import Settings
from stacks import instance
from stacks.controls import control

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GONE_S = 20.0
"""Without a supervisor for this long, nobody brings it back (a killed one is back in a second or two)."""


@contextmanager
def interruptible() -> Iterator[None]:
    """While starting: SIGTERM and SIGHUP interrupt, as Ctrl-C does, and what was started is stopped again."""
    before = {number: signal.signal(number, _interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait(settings: Settings, say: instance.Say) -> None:
    """Until a signal comes or the instance was stopped elsewhere; then everything is stopped."""
    stop = threading.Event()
    for number in SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    parts = control(settings)
    # Asking Docker costs a process each time.
    every_s = 3.0 if settings.stack == "compose" else 0.5
    seen = time.monotonic()
    while not stop.wait(every_s):
        if parts.running():
            seen = time.monotonic()
        elif (settings.run / "stopping").exists() or time.monotonic() - seen > GONE_S:
            say("the stack was stopped")
            break
    instance.down(settings, say)
    say("everything is stopped")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
