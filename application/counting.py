"""Count commands by their outcome."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from db.errors import DatabaseUnavailable
from domain.change import Command
from domain.changes import find_change
from domain.errors import DuplicateConversion, Refusal
from telemetry.metrics import METRICS


@contextmanager
def count_outcome(command: Command) -> Iterator[None]:
    """Count a command and its duration. Outcomes: done, duplicate, refused, unavailable (not acknowledged), failed."""
    name = find_change(command).name
    began = time.perf_counter()
    outcome = "failed"
    try:
        yield
        outcome = "done"
    except DuplicateConversion:
        outcome = "duplicate"
        raise
    except Refusal:
        outcome = "refused"
        raise
    except DatabaseUnavailable:
        outcome = "unavailable"
        raise
    finally:
        METRICS.count("commands", (name, outcome))
        METRICS.observe("command", (name,), time.perf_counter() - began)
