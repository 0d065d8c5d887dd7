"""Record what clients asked for and how they were answered. Several threads may record at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from sys import intern

import httpx

from domain.change import Command, fields_of
from domain.changes import find_change
from domain.errors import Refusal
from scenarios.history.records import Operation, Outcome


class Answer:
    """The answer to one command, as far as there is one: without an acknowledgement or a refusal it is unknown."""

    def __init__(self) -> None:
        self.outcome: Outcome = "unknown"
        self.event_ids: tuple[str, ...] = ()

    def acknowledge(self, event_ids: Iterable[str] = ()) -> None:
        self.outcome, self.event_ids = "acknowledged", tuple(event_ids)

    def refuse(self) -> None:
        self.outcome = "refused"

    def read(self, response: httpx.Response) -> None:
        """Take what an answer of the API says. After an error of the server the outcome is unknown."""
        if response.is_success:
            self.acknowledge(response.json()["eventIds"])
        elif response.is_client_error:
            self.refuse()


class OperationLog:
    """The commands of a run in the order of their answers."""

    def __init__(self) -> None:
        self._operations: list[Operation] = []

    @contextmanager
    def invoked(self, client: str, command: Command) -> Iterator[Answer]:
        """Record the command that the block sends. A refusal that leaves the block is its answer."""
        invoked_us = time.time_ns() // 1000
        answer = Answer()
        try:
            yield answer
        except Refusal:
            answer.refuse()
            raise
        finally:
            required = [field for field in fields_of(type(command)) if field.required]
            self._operations.append(
                Operation(
                    client,
                    find_change(command).name,
                    str(getattr(command, required[0].attribute)),
                    invoked_us,
                    time.time_ns() // 1000,
                    answer.outcome,
                    answer.event_ids,
                    tuple((field.name, intern(str(getattr(command, field.attribute)))) for field in required),
                )
            )

    def record_change(self, commission_id: str, invoked_us: int, event_id: str) -> None:
        """Record a change of a commission that a scenario committed by itself."""
        answered_us = time.time_ns() // 1000
        self._operations.append(
            Operation("SQL", "change", commission_id, invoked_us, answered_us, "acknowledged", (event_id,))
        )

    def list_recorded(self) -> tuple[Operation, ...]:
        """Return the operations that were answered, or given up, by now."""
        return tuple(self._operations)

    def acknowledged_ids(self) -> set[str]:
        """Return the ids of the events whose commit was acknowledged to a client."""
        return {event_id for operation in self.list_recorded() for event_id in operation.event_ids}
