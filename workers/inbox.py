"""Write notifications and inbox rows in one transaction, so that each event has its effect once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from connectors.broker import Received
from connectors.envelope import NamedEvent
from db.engine import READ, discard
from db.errors import translated
from db.prepared import PreparedInsert
from db.tables import dead_letter, notification, processed_message
from domain import contract
from domain.clock import from_epoch_us, utc_now
from domain.outbox import OutboxRecord
from telemetry.metrics import METRICS

# Built once: building a statement takes longer than SQLite needs to run it.
_SELECT_KNOWN = select(notification.c.event_id).where(notification.c.event_id.in_(bindparam("ids", expanding=True)))
_NOTIFY = PreparedInsert(notification)
_INSERT_PROCESSED = PreparedInsert(processed_message)
_SELECT_DEAD_LETTER = select(dead_letter.c.seq, dead_letter.c.published_at).where(
    *(dead_letter.c[name] == bindparam(f"dead_{name}") for name in ("topic", "message_id", "publish_us"))
)


@dataclass(frozen=True, slots=True)
class Effect:
    """A delivery whose event must be written as a notification."""

    message: Received
    record: OutboxRecord
    captured_us: int
    payload: Any = None
    """The record's payload, parsed; None: it is parsed when it is written."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The row of a dead letter."""

    seq: int
    published: bool
    """Whether its message is on the dead-letter topic."""


class Inbox:
    """The table `processed_message` and the notifications. Methods raise db.errors.DatabaseUnavailable, and UnstorableData
    when the database never accepts a value; then nothing was written.

    Use it in one thread: it keeps one connection, so that a batch costs its statements and its commit only.
    """

    def __init__(self, engine: Engine, consumer: str) -> None:
        self._engine = engine
        self._consumer = consumer
        self._connection: Connection | None = None

    def close(self) -> None:
        if self._connection is not None:
            discard(self._connection)
            self._connection = None

    def apply(self, effects: Sequence[Effect], skipped: Sequence[Received]) -> set[str]:
        """Write the new notifications, and an inbox row for every delivery, in one transaction.

        Return the ids of the new events. Raise IntegrityError when another worker wrote one of them at the same moment;
        then nothing was written.
        """
        first = self._first_of_each(effects)
        with self._transaction() as connection:
            try:
                if first:
                    _NOTIFY.execute_all(connection, self._notifications(first))
                new = first
            except IntegrityError:
                # Rare: there are duplicates among them. Start again, and ask first which events are known.
                connection.rollback()
                new = self._select_unknown(connection, first)
                if new:
                    _NOTIFY.execute_all(connection, self._notifications(new))
            self._record(connection, effects, new, skipped)
        for outcome, number in (
            ("applied", len(new)),
            ("duplicate", len(effects) - len(new)),
            ("skipped", len(skipped)),
        ):
            if number:
                METRICS.count("deliveries", (outcome,), number)
        return set(new)

    def record_dead_letter(
        self, message: Received, record: NamedEvent | None, reason: str, detail: str, attempts: int
    ) -> Recorded:
        """Insert a dead letter unless it has a row already, and an inbox row for this delivery."""
        with self._transaction() as connection:
            existing = connection.execute(_SELECT_DEAD_LETTER, _identity_parameters(message)).first()
            if existing is None:
                values = _dead_letter_row(message, record, reason, detail, attempts)
                inserted = connection.execute(insert(dead_letter).values(values)).inserted_primary_key
            _INSERT_PROCESSED.execute(connection, self._inbox_row(message, "dead_lettered", record))
        METRICS.count("deliveries", ("dead_lettered",))
        if existing is not None:
            return Recorded(existing.seq, existing.published_at is not None)
        METRICS.count("dead_letters", (reason,))
        assert inserted is not None
        return Recorded(inserted.seq, False)

    def mark_published(self, seq: int) -> None:
        """Record that a dead letter is on the dead-letter topic."""
        with self._transaction() as connection:
            connection.execute(update(dead_letter).where(dead_letter.c.seq == seq).values(published_at=utc_now()))

    def has_effect(self, event_id: str) -> bool:
        """Return whether the event has its notification. Raise DatabaseUnavailable."""
        with translated(), self._engine.connect().execution_options(**READ) as connection:
            return connection.scalar(_SELECT_KNOWN, {"ids": [event_id]}) is not None

    def answers(self) -> bool:
        """Return whether the database answers now and has the tables that are written here."""
        try:
            with translated(), self._engine.connect().execution_options(**READ) as connection:
                for table in (notification, processed_message, dead_letter):
                    connection.execute(select(table.c.seq).limit(1))
        except Exception:
            return False
        return True

    @staticmethod
    def _select_unknown(connection: Connection, first: dict[str, Effect]) -> dict[str, Effect]:
        known_ids = set(connection.scalars(_SELECT_KNOWN, {"ids": list(first)}))
        return {event_id: effect for event_id, effect in first.items() if event_id not in known_ids}

    def _record(
        self, connection: Connection, effects: Sequence[Effect], new: dict[str, Effect], skipped: Sequence[Received]
    ) -> None:
        applied = {id(effect) for effect in new.values()}
        rows = [
            self._inbox_row(effect.message, "applied" if id(effect) in applied else "duplicate", effect.record)
            for effect in effects
        ]
        rows += [self._inbox_row(message, "skipped", None) for message in skipped]
        if rows:
            _INSERT_PROCESSED.execute_all(connection, rows)

    @staticmethod
    def _first_of_each(effects: Sequence[Effect]) -> dict[str, Effect]:
        """Return the first delivery of each event, in order."""
        first: dict[str, Effect] = {}
        for effect in effects:
            first.setdefault(effect.record.id, effect)
        return first

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with translated():
            if self._connection is None:
                self._connection = self._engine.connect()
            try:
                yield self._connection
                self._connection.commit()
            except BaseException:
                discard(self._connection)
                self._connection = None
                raise

    def _notifications(self, effects: dict[str, Effect]) -> list[dict[str, object]]:
        return [self._notification(effect) for effect in effects.values()]

    def _notification(self, effect: Effect) -> dict[str, object]:
        record = effect.record
        return {
            "event_id": record.id,
            "commission_id": record.aggregate_id,
            "aggregate_version": record.aggregate_version,
            "type": record.type,
            # Written anew, not as the text that was published: MySQL rounds Debezium's spelling of some numbers otherwise.
            "payload": contract.read_payload(record.payload) if effect.payload is None else effect.payload,
            "correlation_id": record.correlation_id,
            "consumer": self._consumer,
            "occurred_at": record.occurred_at,
            "notified_at": utc_now(),
        }

    def _inbox_row(self, message: Received, outcome: str, record: NamedEvent | None) -> dict[str, object]:
        return {
            "event_id": record.id if record else None,
            "topic": message.topic,
            "message_id": message.message_id,
            "redelivery_count": message.redelivery_count,
            "outcome": outcome,
            "correlation_id": record.correlation_id if record else None,
            "consumer": self._consumer,
            "received_at": from_epoch_us(message.received_us),
        }


def mark_requeued(engine: Engine, seq: int) -> None:
    """Record that a dead letter was requeued."""
    with translated(), engine.begin() as connection:
        connection.execute(update(dead_letter).where(dead_letter.c.seq == seq).values(requeued_at=utc_now()))


def _identity_parameters(message: Received) -> dict[str, object]:
    return {
        "dead_topic": message.topic,
        "dead_message_id": message.message_id,
        "dead_publish_us": message.publish_us,
    }


def _dead_letter_row(
    message: Received, record: NamedEvent | None, reason: str, detail: str, attempts: int
) -> dict[str, object]:
    return {
        "topic": message.topic,
        "message_id": message.message_id,
        "message_key": (message.key or "")[:512] or None,
        "payload": message.value,
        "properties": dict(message.properties),
        "event_id": record.id if record else None,
        "correlation_id": record.correlation_id if record else None,
        "reason": reason,
        "detail": detail[:2000],
        "attempts": attempts,
        "dead_lettered_at": utc_now(),
        "publish_us": message.publish_us,
    }
