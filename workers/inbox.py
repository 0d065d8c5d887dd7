"""The worker's side of the database: notification and inbox rows in one transaction, each effect once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from connectors.broker import Received
from connectors.envelope import NamedEvent
from db.engine import READ, discard
from db.errors import translated
from db.tables import dead_letter, notification, processed_message
from domain import contract
from domain.outbox import OutboxRecord
from telemetry.metrics import METRICS

_EPOCH = datetime(1970, 1, 1)

# Built once: putting a statement together costs more than SQLite takes to run it.
_KNOWN = select(notification.c.event_id).where(notification.c.event_id.in_(bindparam("ids", expanding=True)))
_NOTIFY = insert(notification)
_PROCESSED = insert(processed_message)
_DEAD = select(dead_letter.c.seq, dead_letter.c.published_at).where(
    *(dead_letter.c[name] == bindparam(f"dead_{name}") for name in ("topic", "message_id", "publish_us"))
)


@dataclass(frozen=True, slots=True)
class Effect:
    """A delivery whose event is to be notified of."""

    message: Received
    record: OutboxRecord
    captured_us: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """A dead letter's row."""

    seq: int
    published: bool
    """Whether the dead-letter topic has it too."""


class Inbox:
    """Methods raise db.errors.DatabaseUnavailable when the database is away, and UnstorableData when it will never take
    a value: nothing was then written.

    For one thread: it keeps one connection, so that a batch costs its statements and its commit and nothing else.
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
        """Write the notifications that are new, and an inbox row for every delivery, in one transaction.

        Returns the ids of the events that were new. Raises IntegrityError when another worker wrote one of them at the
        same moment; nothing was then written.
        """
        first = self._first_of_each(effects)
        with self._transaction() as connection:
            try:
                if first:
                    connection.execute(_NOTIFY, self._notifications(first))
                new = first
            except IntegrityError:
                # The rarer way, with duplicates among them: begin anew, asking first which are known.
                connection.rollback()
                new = self._unknown(connection, first)
                if new:
                    connection.execute(_NOTIFY, self._notifications(new))
            self._record(connection, effects, new, skipped)
        for outcome, number in (
            ("applied", len(new)),
            ("duplicate", len(effects) - len(new)),
            ("skipped", len(skipped)),
        ):
            if number:
                METRICS.count("deliveries", (outcome,), number)
        return set(new)

    def bury(self, message: Received, record: NamedEvent | None, reason: str, detail: str, attempts: int) -> Recorded:
        """Record a dead letter, once, with an inbox row for this delivery."""
        with self._transaction() as connection:
            known = connection.execute(_DEAD, _identity(message)).first()
            if known is None:
                values = _dead(message, record, reason, detail, attempts)
                inserted = connection.execute(insert(dead_letter).values(values)).inserted_primary_key
            connection.execute(_PROCESSED, [self._processed(message, "dead_lettered", record)])
        METRICS.count("deliveries", ("dead_lettered",))
        if known is not None:
            return Recorded(known.seq, known.published_at is not None)
        METRICS.count("dead_letters", (reason,))
        assert inserted is not None
        return Recorded(inserted.seq, False)

    def published(self, seq: int) -> None:
        """The dead-letter topic has this dead letter."""
        with self._transaction() as connection:
            connection.execute(update(dead_letter).where(dead_letter.c.seq == seq).values(published_at=_now()))

    def answers(self) -> bool:
        """Whether the database answers now, with the tables that are written here."""
        try:
            with translated(), self._engine.connect().execution_options(**READ) as connection:
                for table in (notification, processed_message, dead_letter):
                    connection.execute(select(table.c.seq).limit(1))
        except Exception:
            return False
        return True

    @staticmethod
    def _unknown(connection: Connection, first: dict[str, Effect]) -> dict[str, Effect]:
        known = set(connection.scalars(_KNOWN, {"ids": list(first)}))
        return {event_id: effect for event_id, effect in first.items() if event_id not in known}

    def _record(
        self, connection: Connection, effects: Sequence[Effect], new: dict[str, Effect], skipped: Sequence[Received]
    ) -> None:
        applied = {id(effect) for effect in new.values()}
        rows = [
            self._processed(effect.message, "applied" if id(effect) in applied else "duplicate", effect.record)
            for effect in effects
        ]
        rows += [self._processed(message, "skipped", None) for message in skipped]
        if rows:
            connection.execute(_PROCESSED, rows)

    @staticmethod
    def _first_of_each(effects: Sequence[Effect]) -> dict[str, Effect]:
        """First delivery of each event, in order."""
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
            "payload": contract.read_payload(record.payload),
            "correlation_id": record.correlation_id,
            "consumer": self._consumer,
            "occurred_at": record.occurred_at,
            "notified_at": _now(),
        }

    def _processed(self, message: Received, outcome: str, record: NamedEvent | None) -> dict[str, object]:
        return {
            "event_id": record.id if record else None,
            "topic": message.topic,
            "message_id": message.message_id,
            "redelivery_count": message.redelivery_count,
            "outcome": outcome,
            "correlation_id": record.correlation_id if record else None,
            "consumer": self._consumer,
            "received_at": _EPOCH + timedelta(microseconds=message.received_us),
        }


def requeued(engine: Engine, seq: int) -> None:
    """Note that the dead letter `seq` was sent again."""
    with translated(), engine.begin() as connection:
        connection.execute(update(dead_letter).where(dead_letter.c.seq == seq).values(requeued_at=_now()))


def _identity(message: Received) -> dict[str, object]:
    return {
        "dead_topic": message.topic,
        "dead_message_id": message.message_id,
        "dead_publish_us": message.publish_us,
    }


def _dead(message: Received, record: NamedEvent | None, reason: str, detail: str, attempts: int) -> dict[str, object]:
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
        "dead_lettered_at": _now(),
        "publish_us": message.publish_us,
    }


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
