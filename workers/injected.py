"""Inject faults into a worker: a delay for each event, or a failure for one commission."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from application import leases
from domain.outbox import OutboxRecord
from settings import Settings


class InjectedFailure(Exception):
    """The lease of a fault makes this event fail."""


class Injected:
    """Applies the leases of the faults `slow` and `fail` to one component."""

    def __init__(self, settings: Settings, part: str) -> None:
        self._settings = settings
        self._part = part
        self._failures: Counter[str] = Counter()

    def check(self, record: OutboxRecord) -> None:
        """Wait or fail as the leases ask; called before each effect. Raise InjectedFailure."""
        slow = leases.read(self._settings, self._part, "slow")
        if slow is not None:
            time.sleep(float(slow.parameters["delay_ms"]) / 1000)
        fail = leases.read(self._settings, self._part, "fail")
        if fail is not None and _applies_to(fail.parameters, record):
            self._failures[record.id] += 1
            times = fail.parameters.get("times")
            if times is not None and self._failures[record.id] > times:
                return
            raise InjectedFailure("an injected fault makes the events of this commission fail")


def _applies_to(parameters: Mapping[str, Any], record: OutboxRecord) -> bool:
    version = parameters.get("aggregate_version")
    return parameters["commission_id"] == record.aggregate_id and version in (None, record.aggregate_version)
