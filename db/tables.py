"""Define the tables for SQLite and MySQL. Times are naive UTC with microseconds; ids are compared byte by byte."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    select,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from db.foreign import DOCUMENT, ForeignInstant, ForeignInteger, ForeignString

metadata = MetaData()


class Exact(TypeDecorator[Decimal]):
    """A Decimal that is stored exactly: DECIMAL on MySQL, text on SQLite, whose NUMERIC is a binary float."""

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int, scale: int) -> None:
        super().__init__(precision, scale)
        self.precision, self.scale = precision, scale

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(self.precision + 2))
        return dialect.type_descriptor(Numeric(self.precision, self.scale))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        return f"{value:f}" if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


def big_key(name: str) -> Column[int]:
    # SQLite auto-increments only a column declared exactly INTEGER PRIMARY KEY.
    return Column(name, BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def instant(name: str, nullable: bool = False) -> Column[datetime]:
    return Column(name, DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), nullable=nullable)


def foreign_string(length: int) -> String:
    return String(length).with_variant(ForeignString(length), "sqlite")


FOREIGN_INTEGER = Integer().with_variant(ForeignInteger(), "sqlite")
FOREIGN_INSTANT = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql").with_variant(ForeignInstant(), "sqlite")


def table(name: str, *columns: Any, **options: Any) -> Table:
    return Table(
        name,
        metadata,
        *columns,
        # Compare byte by byte, as SQLite does, so that different conversion ids never count as equal.
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
        **options,
    )


commission = table(
    "commission",
    Column("id", String(36), primary_key=True),
    Column("conversion_id", String(64), nullable=False, unique=True),
    Column("affiliate_id", String(64), nullable=False),
    Column("campaign_id", String(64), nullable=False),
    Column("gross_amount", Exact(19, 4), nullable=False),
    Column("rate", Exact(9, 6), nullable=False),
    Column("amount", Exact(19, 4), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    Index("commission_by_update", "updated_at", "id"),
    Index("commission_by_status", "status", "updated_at", "id"),
)

outbox_event = table(
    "outbox_event",  # other programs may write here too: malformed values must not fail a reader
    big_key("seq"),  # the key is the order of commits, so that a snapshot reads the rows in order
    Column("id", foreign_string(36), nullable=False, unique=True),
    Column("aggregate_type", foreign_string(32), nullable=False),
    Column("aggregate_id", foreign_string(36), nullable=False),
    Column("aggregate_version", FOREIGN_INTEGER, nullable=False),
    Column("type", foreign_string(64), nullable=False),
    Column("version", FOREIGN_INTEGER, nullable=False),
    Column("payload", DOCUMENT, nullable=False),
    Column("correlation_id", foreign_string(64), nullable=False),
    Column("traceparent", foreign_string(64), nullable=True),
    Column("occurred_at", FOREIGN_INSTANT, nullable=False),
    UniqueConstraint("aggregate_id", "aggregate_version", name="outbox_event_once"),
    Index("outbox_event_by_correlation", "correlation_id", "seq"),
    sqlite_autoincrement=True,  # the seq of a pruned row is never assigned again
)

notification = table(
    "notification",
    big_key("seq"),  # order of persistence
    Column("event_id", String(36), nullable=False, unique=True),
    Column("commission_id", String(36), nullable=False),
    Column("aggregate_version", Integer, nullable=False),
    Column("type", String(64), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("correlation_id", String(64), nullable=False),
    Column("consumer", String(64), nullable=False),
    instant("occurred_at"),
    instant("notified_at"),
    Index("notification_by_commission", "commission_id", "seq"),
    Index("notification_by_correlation", "correlation_id", "seq"),
    sqlite_autoincrement=True,
)

processed_message = table(
    "processed_message",
    big_key("seq"),
    Column("event_id", String(36), nullable=True),  # none when the message is not a known event
    Column("topic", String(255), nullable=False),
    Column("message_id", String(64), nullable=False),
    Column("redelivery_count", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),  # applied | duplicate | skipped | dead_lettered
    Column("correlation_id", String(64), nullable=True),
    Column("consumer", String(64), nullable=False),
    instant("received_at"),
    Index("processed_message_by_event", "event_id"),
    Index("processed_message_by_outcome", "outcome", "correlation_id"),
    sqlite_autoincrement=True,
)

event_timing = table(
    "event_timing",
    Column("event_id", String(36), primary_key=True),
    # Microseconds since the epoch, of clocks whose resolution `db.hops` says; none when a timestamp was not recorded.
    Column("committed_us", BigInteger, nullable=True),
    Column("captured_us", BigInteger, nullable=True),
    Column("published_us", BigInteger, nullable=True),
    Column("received_us", BigInteger, nullable=True),
    Column("persisted_us", BigInteger, nullable=True),
)

dead_letter = table(
    "dead_letter",
    big_key("seq"),
    Column("topic", String(255), nullable=False),
    Column("message_id", String(64), nullable=False),
    Column("message_key", String(512), nullable=True),
    Column("payload", LargeBinary().with_variant(mysql.LONGBLOB(), "mysql"), nullable=False),
    Column("properties", JSON, nullable=False),
    Column("event_id", foreign_string(36), nullable=True),
    Column("correlation_id", foreign_string(64), nullable=True),
    Column("reason", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    instant("dead_lettered_at"),
    instant("requeued_at", nullable=True),
    # A broker with a new store assigns old message ids again: the time distinguishes the messages.
    Column("publish_us", BigInteger, nullable=False, server_default="0"),
    instant("published_at", nullable=True),  # when the dead-letter topic acknowledged it; null until then
    instant("discarded_at", nullable=True),
    Column("discard_note", String(500), nullable=True),
    UniqueConstraint("topic", "message_id", "publish_us", name="dead_letter_once"),
    Index("dead_letter_by_event", "event_id"),
    sqlite_autoincrement=True,
)

message_failure = table(
    "message_failure",  # failures of an unfinished message, counted for all workers
    Column("topic", String(255), primary_key=True),
    Column("message_id", String(64), primary_key=True),
    Column("publish_us", BigInteger, primary_key=True, autoincrement=False),
    Column("attempts", Integer, nullable=False),  # attempts that ended in an error
    Column("deaths", Integer, nullable=False),  # of processes that handled only this message
    instant("failed_at"),
)

relay_checkpoint = table(
    "relay_checkpoint",
    Column("name", String(32), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    instant("updated_at"),
)

scenario_run = table(
    "scenario_run",
    Column("id", String(36), primary_key=True),  # the correlation id of its events, too
    Column("name", String(64), nullable=False),
    Column("stack", String(16), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),  # running | finished | stopped
    Column("verdict", String(16), nullable=True),  # PASS | FAIL | INCONCLUSIVE
    instant("started_at"),
    instant("finished_at", nullable=True),
    Column("result", JSON, nullable=True),
    Index("scenario_run_by_start", "started_at", "id"),
)

naive_commission = table(
    "naive_commission",  # commits of the naive writer in the dual-write scenario, which have no outbox row
    Column("event_id", String(36), primary_key=True),
    Column("conversion_id", String(64), nullable=False),
    Column("correlation_id", String(64), nullable=False),
    instant("created_at"),
    Index("naive_commission_by_correlation", "correlation_id"),
)

pruned_event = table(
    "pruned_event",  # the rest of a pruned outbox row: enough to count it as committed
    Column("event_id", String(36), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("correlation_id", String(64), nullable=False),
    instant("occurred_at"),
    instant("pruned_at"),
    Index("pruned_event_by_correlation", "correlation_id"),
)

IS_NOTIFIED = select(notification.c.event_id).where(notification.c.event_id == outbox_event.c.id).exists()
"""In a query of `outbox_event`: whether the event has a notification."""
IS_DEAD_LETTERED = select(dead_letter.c.event_id).where(dead_letter.c.event_id == outbox_event.c.id).exists()
"""In a query of `outbox_event`: whether the event was dead-lettered, requeued or not."""
