"""Inject faults into a worker: delay every event, or make the events of one commission fail."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from application import leases
from domain.outbox import OutboxRecord
from settings import Settings


class InjectedFailure(Exception):
    """An injected fault makes this event fail."""


class InjectedFaults:
    """Applies the leases of the faults `slow` and `fail` to one component."""

    def __init__(self, settings: Settings, component: str) -> None:
        self._slow = leases.LeaseReader(settings, component, "slow")
        self._fail = leases.LeaseReader(settings, component, "fail")
        self._failures: Counter[str] = Counter()

    def apply(self, record: OutboxRecord) -> None:
        """Wait, or raise InjectedFailure, as the leases say. The worker calls this before each effect."""
        slow_lease = self._slow.read()
        if slow_lease is not None:
            time.sleep(float(slow_lease.parameters["delay_ms"]) / 1000)
        fail_lease = self._fail.read()
        if fail_lease is not None and _applies_to(fail_lease.parameters, record):
            self._failures[record.id] += 1
            max_failures = fail_lease.parameters.get("times")
            if max_failures is not None and self._failures[record.id] > max_failures:
                return
            raise InjectedFailure("an injected fault makes the events of this commission fail")


def _applies_to(parameters: Mapping[str, Any], record: OutboxRecord) -> bool:
    version = parameters.get("aggregate_version")
    return parameters["commission_id"] == record.aggregate_id and version in (None, record.aggregate_version)
