"""A steady stream of commands, of which it is known which were acknowledged. Seeded: the same seed, the same commands."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from application import Application
from db.errors import DatabaseUnavailable
from domain.commands import ApproveCommission, CalculateCommission, CommissionResult
from domain.errors import Refusal
from scenarios.waiting import until

CAMPAIGNS = ("cmp-1", "cmp-2", "cmp-3")
CURRENCIES = ("USD", "EUR", "COP")


@dataclass(frozen=True, slots=True)
class Sent:
    """One acknowledged command."""

    at: float
    ms: float
    event_ids: tuple[str, ...]


def commands(seed: int, correlation_id: str) -> Iterator[CalculateCommission]:
    """Endlessly: amounts, campaigns and currencies from the seed, conversion ids from the seed and the run."""
    rng = random.Random(seed)
    namespace = uuid.UUID(correlation_id)
    number = 0
    while True:
        number += 1
        yield CalculateCommission(
            conversion_id=str(uuid.uuid5(namespace, f"{seed}-{number}")),
            affiliate_id=f"aff-{rng.randint(1, 5)}",
            campaign_id=rng.choice(CAMPAIGNS),
            gross_amount=f"{rng.randint(100, 99_999) / 100:.2f}",
            currency=rng.choice(CURRENCIES),
            correlation_id=correlation_id,
        )


class Load:
    """Calculates and approves from one thread, `per_second` pairs of commands, until it is stopped.

    What is not acknowledged is not tried again: its conversion is remembered in `attempted`, and the verdict looks
    whether it left both rows or neither.
    """

    def __init__(self, application: Application, stream: Iterator[CalculateCommission], per_second: float) -> None:
        self.sent: list[Sent] = []
        self.attempted: list[str] = []
        """Conversion ids of every calculation, acknowledged or not."""
        self.unacknowledged = 0
        self._application = application
        self._stream = stream
        self._apart_s = 1 / per_second if per_second else 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when the command under way is answered."""
        self._stop.set()
        self._thread.join()

    def grows(self, by: int, deadline_s: float = 30) -> None:
        """Until so many more commands are acknowledged. Raises TookTooLong."""
        goal = len(self.sent) + by
        until(lambda: len(self.sent) >= goal, deadline_s, f"{by} more commands acknowledged", 0.02)

    @property
    def event_ids(self) -> set[str]:
        return {event_id for sent in list(self.sent) for event_id in sent.event_ids}

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            self._pair(next(self._stream))
            due = max(due + self._apart_s, time.monotonic() - 1)  # after an outage: no burst to catch up
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _pair(self, command: CalculateCommission) -> None:
        self.attempted.append(command.conversion_id)
        result = self._send(command)
        if result is not None:
            self._send(ApproveCommission(result.commission_id, command.correlation_id))

    def _send(self, command: CalculateCommission | ApproveCommission) -> CommissionResult | None:
        began = time.time()
        try:
            result = self._application.send(command)
        except (DatabaseUnavailable, Refusal):
            self.unacknowledged += 1
            self._stop.wait(0.05)
            return None
        self.sent.append(Sent(began, (time.time() - began) * 1000, result.event_ids))
        return result
