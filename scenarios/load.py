"""Send a steady stream of commands and remember which were acknowledged. The same seed sends the same commands.

Which of several clients sends which command depends on how fast they are answered.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from application import Application
from domain.commands import ApproveCommission, CalculateCommission
from domain.message import Message
from scenarios.history.operations import Answer, OperationLog
from scenarios.routes import Acknowledged, InProcess, NotAcknowledged, Promise, Refused, Route
from scenarios.waiting import JudgeFailed, until

CAMPAIGNS = ("cmp-1", "cmp-2", "cmp-3")
CURRENCIES = ("USD", "EUR", "COP")
REPEATED_POLL_S = 0.002


@dataclass(frozen=True, slots=True)
class AcknowledgedCommand:
    """One acknowledged command."""

    command: CalculateCommission | ApproveCommission
    at: float
    ms: float
    event_ids: tuple[str, ...]


class CommandStream(Iterator[CalculateCommission]):
    """Commands without end: amounts, campaigns and currencies from the seed, conversion ids from seed and run.

    Threads may share it: the clients of a load and a scenario that sends commands of its own meanwhile.
    """

    def __init__(self, seed: int, correlation_id: str) -> None:
        self._seed = seed
        self._correlation_id = correlation_id
        self._rng = random.Random(seed)
        self._namespace = uuid.UUID(correlation_id)
        self._number = 0
        self._guard = threading.Lock()

    def __next__(self) -> CalculateCommission:
        with self._guard:
            self._number += 1
            return CalculateCommission(
                conversion_id=str(uuid.uuid5(self._namespace, f"{self._seed}-{self._number}")),
                affiliate_id=f"aff-{self._rng.randint(1, 5)}",
                campaign_id=self._rng.choice(CAMPAIGNS),
                gross_amount=f"{self._rng.randint(100, 99_999) / 100:.2f}",
                currency=self._rng.choice(CURRENCIES),
                correlation_id=self._correlation_id,
            )


Pair = tuple[Route, Route | None]
"""The route of a calculation, and the route of the commission's approval; None: it is not approved."""


class Load:
    """Clients that send `per_second` pairs of commands (calculate, approve) together, until they are stopped.

    Each is a thread of its own: one that waits for an answer, because what its route needs is frozen, holds up no other. A command without an acknowledgement is not retried, and the verdict checks that it left either both rows or neither.
    """

    def __init__(
        self,
        application: Application,
        stream: Iterator[CalculateCommission],
        per_second: float,
        pairs: Sequence[Pair] = (),
        operations: OperationLog | None = None,
    ) -> None:
        """Set it up. Each of the `pairs` of routes has a client, and `stop` closes them. By default there is one, in process.

        Two pairs have no route in common that only one thread may use. Each command and its answer are recorded in `operations`.
        """
        in_process = InProcess(application)
        self._operations = operations or OperationLog()
        self.sent: list[AcknowledgedCommand] = []
        self.promised: list[Promise] = []
        """Commands that the broker acknowledged; the commands worker must process them."""
        self.acknowledged_by: Counter[str] = Counter()
        """Name of a route → number of commands that it acknowledged."""
        self.unacknowledged = 0
        self.error: BaseException | None = None
        """The exception that ended the load too early: an error of the judge."""
        self.count_repeated: Callable[[], int] | None = None
        """Counts the commands in `sent` that something else has repeated: the load waits for it after each pair."""
        self._routes = {id(route): route for pair in pairs for route in pair if route is not None}
        self._stream = stream
        self._guard = threading.Lock()
        """Of the counters, which the threads share."""
        pairs = pairs or [(in_process, in_process)]
        self._interval_s = len(pairs) / per_second if per_second else 0.0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number, pair), name=f"load {number}", daemon=True)
            for number, pair in enumerate(pairs)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the load. Returns when the current commands are answered."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for route in self._routes.values():
            route.close()

    def wait_for_more(self, by: int, deadline_s: float = 30) -> None:
        """Wait until `by` more commands are acknowledged. Raises TookTooLong, or JudgeFailed when the load has died."""
        goal = len(self.sent) + by

        def goal_reached() -> bool:
            if self.error is not None:
                raise JudgeFailed(Message("judge.load_died", why=f"{type(self.error).__name__}: {self.error}"))
            return len(self.sent) >= goal

        until(goal_reached, deadline_s, Message("awaited.commands", n=by), 0.02)

    @property
    def event_ids(self) -> set[str]:
        return {event_id for sent in list(self.sent) for event_id in sent.event_ids}

    def _run(self, number: int, pair: Pair) -> None:
        due_at = time.monotonic() + number * self._interval_s / len(self._threads)  # one after the other, not at once
        self._stop.wait(max(0.0, due_at - time.monotonic()))
        try:
            while not self._stop.is_set():
                self._send_pair(next(self._stream), pair)
                while self.count_repeated and self.count_repeated() < len(self.sent) and not self._stop.is_set():
                    self._stop.wait(REPEATED_POLL_S)
                due_at = max(due_at + self._interval_s, time.monotonic() - 1)  # send no burst after an outage
                self._stop.wait(max(0.0, due_at - time.monotonic()))
        except BaseException as error:
            self.error = error

    def _send_pair(self, command: CalculateCommission, pair: Pair) -> None:
        calculation_route, approval_route = pair
        answer = self._send(calculation_route, command)
        if isinstance(answer, Acknowledged) and approval_route is not None:
            self._send(approval_route, ApproveCommission(answer.commission_id, command.correlation_id))

    def _send(self, route: Route, command: CalculateCommission | ApproveCommission) -> Acknowledged | Promise | None:
        started_at = time.time()
        with self._operations.invoked(route.name, command) as recorded:
            answer = _send_over(route, command, recorded)
        if answer is None:
            with self._guard:
                self.unacknowledged += 1
            self._stop.wait(0.05)
            return None
        event_ids = answer.event_ids if isinstance(answer, Acknowledged) else ()
        with self._guard:
            self.acknowledged_by[route.name] += 1
            if isinstance(answer, Promise):
                self.promised.append(answer)
            self.sent.append(AcknowledgedCommand(command, started_at, (time.time() - started_at) * 1000, event_ids))
        return answer


def _send_over(
    route: Route, command: CalculateCommission | ApproveCommission, recorded: Answer
) -> Acknowledged | Promise | None:
    """Send a command and record its answer; None when it is not acknowledged."""
    try:
        answer = route.send(command)
    except Refused:
        recorded.refuse()
        return None
    except NotAcknowledged:
        return None
    recorded.acknowledge(answer.event_ids if isinstance(answer, Acknowledged) else ())
    return answer
