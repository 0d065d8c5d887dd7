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
POLL_EVERY_S = 0.5
NO_SUPERVISOR_S = 20.0
"""Seconds without a supervisor after which none is expected any more; a killed one is started again within two seconds."""


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
    """Wait until a signal arrives or no supervisor has run for `NO_SUPERVISOR_S`, then stop every component.

    When another command stops the instance, only return: that command may start it again.
    """
    stop = threading.Event()
    for number in SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    components = control(settings)
    stopping_file = settings.run / "stopping"
    # Each question to Docker starts a process, so it is asked less often.
    poll_s = 3.0 if settings.facts.in_containers else POLL_EVERY_S
    last_running_at = time.monotonic()
    was_stopping = False
    while not stop.wait(poll_s):
        is_stopping, is_running = stopping_file.exists(), components.running()
        was_stopping |= is_stopping
        # While both are true, the other command is still stopping components, or was killed; a signal completes that.
        if was_stopping and not (is_stopping and is_running):
            say("the stack was stopped by another command")
            return
        if is_running:
            last_running_at = time.monotonic()
        elif time.monotonic() - last_running_at > NO_SUPERVISOR_S:
            say("the stack was stopped")
            break
    instance.down(settings, say)
    say("everything is stopped")


def _raise_interrupt(*_: object) -> None:
    raise KeyboardInterrupt
