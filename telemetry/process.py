"""Start and stop the telemetry of a process."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from settings import Settings
from telemetry import logs, tracing
from telemetry.metrics import Writer


@contextmanager
def telemetry(settings: Settings, part: str) -> Iterator[None]:
    """Write logs, counters and traces of this process under its component's name (`ALPES_PART`, else `part`)."""
    logs.configure(settings, part)
    log = logging.getLogger(part)
    log.info("starting on the %s stack, home %s", settings.stack, settings.home)
    tracing.start(settings, part)
    writer = Writer(settings, os.environ.get("ALPES_PART", part))
    try:
        yield
        log.info("stopped")
    finally:
        writer.close()
        tracing.stop()
