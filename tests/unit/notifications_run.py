"""Run the notifications worker on a list of batches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from connectors.broker import Received
from db import dead_letter_queries, notification_queries, queries
from db.engine import READ
from db.errors import DatabaseUnavailable
from domain.outbox import OutboxRecord
from tests.fakes import ListInlet, ListOutlet, Measurements
from workers.inbox import Inbox
from workers.notifications import NotificationsWorker


class Run:
    """A worker on a list of batches, and what it wrote and sent."""

    def __init__(
        self, engine: Engine, *batches: list[Received], check: Callable[[OutboxRecord], None] | None = None
    ) -> None:
        self.engine, self.inlet, self.outlet, self.measured = engine, ListInlet(*batches), ListOutlet(), Measurements()
        self.inbox = Inbox(engine, "test")
        self.worker = NotificationsWorker(
            self.inbox,
            self.inlet,
            self.outlet,
            self.measured,
            threading.Event(),
            check or (lambda _: None),
            retry_topic="retry",
        )

    def steps(self, count: int = 1) -> Run:
        for _ in range(count):
            self.worker.step(0)
        self.inbox.close()
        return self

    def notified(self) -> list[str]:
        with self.engine.connect().execution_options(**READ) as connection:
            return [row.event_id for row in notification_queries.notifications_after(connection, 0)]

    def deliveries(self) -> queries.Deliveries:
        with self.engine.connect().execution_options(**READ) as connection:
            return queries.count_deliveries(connection)

    def dead(self) -> list[dead_letter_queries.DeadLetterRow]:
        with self.engine.connect().execution_options(**READ) as connection:
            return dead_letter_queries.dead_letters(connection, limit=1000)


def raising(kind: type[BaseException]) -> Callable[..., Any]:
    def act(*_arguments: object, **_named: object) -> None:
        raise kind("x")

    return act


def fails_first(of: object, name: str, times: int) -> None:
    real, left = getattr(of, name), [times]

    def act(*arguments: object) -> object:
        if left[0]:
            left[0] -= 1
            raise DatabaseUnavailable("away")
        return real(*arguments)

    setattr(of, name, act)
