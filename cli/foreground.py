"""Run `up` in the foreground until Ctrl-C, a closed terminal, or the end of the supervisor."""

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
NO_SUPERVISOR_S = 20.0
"""After this long without a supervisor, nothing will start it again (a killed one is back after a second or two)."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP too, so that an interrupted start stops what it had started."""
    old_handlers = {number: signal.signal(number, _raise_interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in old_handlers.items():
            signal.signal(number, handler)


def wait(settings: Settings, say: instance.Say) -> None:
    """Wait until a signal arrives or the instance is stopped elsewhere, then stop every component."""
    stop = threading.Event()
    for number in SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    components = control(settings)
    # Each question to Docker starts a process, so it is asked less often.
    poll_s = 3.0 if settings.stack == "compose" else 0.5
    last_running_at = time.monotonic()
    while not stop.wait(poll_s):
        if components.running():
            last_running_at = time.monotonic()
        elif (settings.run / "stopping").exists() or time.monotonic() - last_running_at > NO_SUPERVISOR_S:
            say("the stack was stopped")
            break
    instance.down(settings, say)
    say("everything is stopped")


def _raise_interrupt(*_: object) -> None:
    raise KeyboardInterrupt
