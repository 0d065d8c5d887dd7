"""Faults injected into a worker's handling: slower by so much an event, or failing for one commission."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from application import leases
from domain.outbox import OutboxRecord
from settings import Settings


class InjectedFailure(Exception):
    """A lease makes this event fail."""


class Injected:
    def __init__(self, settings: Settings, part: str) -> None:
        self._settings = settings
        self._part = part

    def check(self, record: OutboxRecord) -> None:
        """Called before each effect. Raises InjectedFailure."""
        slow = leases.read(self._settings, self._part, "slow")
        if slow is not None:
            time.sleep(float(slow.parameters["delay_ms"]) / 1000)
        fail = leases.read(self._settings, self._part, "fail")
        if fail is not None and _meant(fail.parameters, record):
            raise InjectedFailure("a fault on purpose makes this commission's events fail")


def _meant(parameters: Mapping[str, Any], record: OutboxRecord) -> bool:
    version = parameters.get("aggregate_version")
    return parameters["commission_id"] == record.aggregate_id and version in (None, record.aggregate_version)
