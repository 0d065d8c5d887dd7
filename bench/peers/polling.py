"""A polling publisher: it reads the outbox with SKIP LOCKED, publishes, and deletes. Measuring code, no capture of the product.

It is what a careful team writes without change data capture: batches, a short pause when there was nothing, no row deleted
before the broker acknowledged it. It reads in the order of `seq`, which on MySQL is that of the inserts and not of the commits; a
commission's events are still in order, because a later version is inserted after the earlier one was committed. Two of them at once
share the rows, and then nothing keeps that order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe

from sqlalchemy import BindParameter, Engine, Text, bindparam, select, text, type_coerce

from bench import children
from connectors import envelope
from connectors.broker import Broker, BrokerUnavailable, Publisher
from connectors.sending import Sent
from db.engine import connect
from db.tables import outbox_event
from domain.outbox import OutboxRecord
from settings import Settings

NAME = "poller"
BATCH = 500
PAUSE_S = 0.005
"""Pause after a poll without rows. Half of it is what polling adds to an event's time on average."""
CHECK_EVERY_S = 0.05

Publish = Callable[[Sequence[OutboxRecord]], None]
"""Returns when the broker has acknowledged all records, or raises BrokerUnavailable."""


class Poller:
    """Publishes outbox rows. Several pollers may run at once: each locks rows that no other has."""

    def __init__(self, engine: Engine, publish: Publish) -> None:
        """`engine` must use READ COMMITTED, as `db.engine.connect` sets it: with REPEATABLE READ the locks would cover the gaps
        between the rows too, and the writers would wait for the poller."""
        self._engine = engine
        self._publish = publish
        columns = [outbox_event.c[name] for name in OutboxRecord.__slots__]
        texts = [type_coerce(column, Text) if column.name == "payload" else column for column in columns]
        # Without ORDER BY and LIMIT MySQL scans a small table, and waits there for the rows that another poller has locked.
        in_order = " ORDER BY seq LIMIT :row_count" if engine.dialect.name == "mysql" else ""
        numbers: BindParameter[int] = bindparam("numbers", expanding=True)
        self._delete = text(f"DELETE FROM outbox_event WHERE seq IN :numbers{in_order}").bindparams(numbers)
        self._rows = select(*texts).order_by(outbox_event.c.seq).limit(BATCH).with_for_update(skip_locked=True)

    def poll(self) -> int:
        """Publish up to BATCH rows, delete them, and return their number. Raises BrokerUnavailable: then the rows are still there."""
        with self._engine.begin() as connection:
            records = [OutboxRecord(*row) for row in connection.execute(self._rows)]
            if records:
                self._publish(records)
                numbers = [record.seq for record in records]
                connection.execute(self._delete, {"numbers": numbers, "row_count": len(numbers)})
        return len(records)


class BatchPublisher:
    """Publishes batches and waits for the acknowledgement of every message."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def publish(self, records: Sequence[OutboxRecord]) -> None:
        """Publish in this order. Raises BrokerUnavailable when any message was not acknowledged, and MessageRefused."""
        publisher = self._publisher
        if not publisher.ensure_connected():
            raise BrokerUnavailable("no connection to the broker")
        generation = publisher.generation
        outcomes: list[Sent] = []
        is_complete = threading.Event()

        def note(outcome: Sent, _error: str) -> None:
            outcomes.append(outcome)
            if len(outcomes) == len(records):
                is_complete.set()

        for record in records:
            key, value = envelope.encode(record, time.time_ns() // 1_000_000)
            publisher.send_async(value, key, {}, note)
        while not is_complete.wait(CHECK_EVERY_S):
            # A client that was replaced does not report what became of its messages.
            if not publisher.ensure_connected() or publisher.generation != generation:
                raise BrokerUnavailable("the connection to the broker was lost before every message was acknowledged")
        if any(outcome is not Sent.ACKNOWLEDGED for outcome in outcomes):
            raise BrokerUnavailable("the broker did not acknowledge every message")


@contextmanager
def polling(settings: Settings) -> Iterator[dict[str, int]]:
    """Run a poller in a process of its own and yield {its name: its process id}. Raises ChildFailed."""
    with children.running(NAME, poll_until_closed, settings) as child:
        yield {NAME: child.pid}


def poll_until_closed(settings: Settings, pipe: Pipe) -> None:
    """Poll until the pipe is closed."""
    engine = connect(settings.admin_url, pool_size=1)
    publisher = Publisher(Broker(settings), settings.topics.events)
    poller = Poller(engine, BatchPublisher(publisher).publish)
    pipe.send(children.READY)
    try:
        while children.is_open(pipe):
            try:
                row_count = poller.poll()
            except BrokerUnavailable:
                row_count = 0
            if not row_count:
                time.sleep(PAUSE_S)
    finally:
        publisher.drop()
        engine.dispose()
