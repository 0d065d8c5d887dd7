"""A steady stream of commands, of which it is known which were acknowledged. Seeded: the same seed, the same commands."""

from __future__ import annotations

import itertools
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from application import Application
from domain.commands import ApproveCommission, CalculateCommission
from scenarios.routes import Done, InProcess, NotAcknowledged, Promise, Route
from scenarios.waiting import JudgeFailed, until

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


Pair = tuple[Route, Route | None]
"""Whom a calculation goes to, and whom the approval of its commission; None: it is not approved."""


class Load:
    """Calculates and approves from one thread, `per_second` pairs of commands, until it is stopped.

    What is not acknowledged is not tried again: its conversion is remembered in `attempted`, and the verdict looks
    whether it left both rows or neither.
    """

    def __init__(
        self,
        application: Application,
        stream: Iterator[CalculateCommission],
        per_second: float,
        pairs: Sequence[Pair] = (),
    ) -> None:
        """`pairs` take turns; without any, everything is sent in this process. They are closed by `stop`."""
        inside = InProcess(application)
        self.sent: list[Sent] = []
        self.promised: list[Promise] = []
        """Commands that the broker acknowledged, to be carried out by the commands worker."""
        self.attempted: list[str] = []
        """Conversion ids of every calculation, acknowledged or not."""
        self.acknowledged_by: Counter[str] = Counter()
        """Name of a route → commands acknowledged by it."""
        self.unacknowledged = 0
        self.error: BaseException | None = None
        """What ended the load before its time: an error of the judging side."""
        self._pairs = itertools.cycle(pairs or [(inside, inside)])
        self._routes = {id(route): route for pair in pairs for route in pair if route is not None}
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
        for route in self._routes.values():
            route.close()

    def grows(self, by: int, deadline_s: float = 30) -> None:
        """Until so many more commands are acknowledged. Raises TookTooLong, or JudgeFailed when the load has died."""
        goal = len(self.sent) + by

        def grown() -> bool:
            if self.error is not None:
                raise JudgeFailed(f"the load died: {type(self.error).__name__}: {self.error}")
            return len(self.sent) >= goal

        until(grown, deadline_s, f"{by} more commands acknowledged", 0.02)

    @property
    def event_ids(self) -> set[str]:
        return {event_id for sent in list(self.sent) for event_id in sent.event_ids}

    def _run(self) -> None:
        due = time.monotonic()
        try:
            while not self._stop.is_set():
                self._pair(next(self._stream), next(self._pairs))
                due = max(due + self._apart_s, time.monotonic() - 1)  # after an outage: no burst to catch up
                self._stop.wait(max(0.0, due - time.monotonic()))
        except BaseException as error:
            self.error = error

    def _pair(self, command: CalculateCommission, pair: Pair) -> None:
        calculating, approving = pair
        self.attempted.append(command.conversion_id)
        answer = self._send(calculating, command)
        if isinstance(answer, Done) and approving is not None:
            self._send(approving, ApproveCommission(answer.commission_id, command.correlation_id))

    def _send(self, route: Route, command: CalculateCommission | ApproveCommission) -> Done | Promise | None:
        began = time.time()
        try:
            answer = route.send(command)
        except NotAcknowledged:
            self.unacknowledged += 1
            self._stop.wait(0.05)
            return None
        self.acknowledged_by[route.name] += 1
        if isinstance(answer, Promise):
            self.promised.append(answer)
        event_ids = answer.event_ids if isinstance(answer, Done) else ()
        self.sent.append(Sent(began, (time.time() - began) * 1000, event_ids))
        return answer
