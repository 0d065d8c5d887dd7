"""First schema: commissions, outbox, notifications, inbox, hop times, dead letters, the relay's checkpoint.

Spelled out rather than taken from `db.tables`: what this migration makes may not change when the tables do.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"

    def text(name: str, length: int, nullable: bool = False) -> sa.Column[Any]:
        return sa.Column(name, sa.String(length), nullable=nullable)

    def integer(name: str) -> sa.Column[Any]:
        return sa.Column(name, sa.Integer(), nullable=False)

    def instant(name: str, nullable: bool = False) -> sa.Column[Any]:
        return sa.Column(name, sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), nullable=nullable)

    def exact(name: str, precision: int, scale: int) -> sa.Column[Any]:
        kind = sa.String(precision + 2) if sqlite else sa.Numeric(precision, scale)
        return sa.Column(name, kind, nullable=False)

    def seq() -> sa.Column[Any]:
        kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
        return sa.Column("seq", kind, primary_key=True, autoincrement=True)

    def json(name: str) -> sa.Column[Any]:
        return sa.Column(name, sa.JSON(), nullable=False)

    op.create_table(
        "commission",
        sa.Column("id", sa.String(36), primary_key=True),
        text("conversion_id", 64),
        text("affiliate_id", 64),
        text("campaign_id", 64),
        exact("gross_amount", 19, 4),
        exact("rate", 9, 6),
        exact("amount", 19, 4),
        text("currency", 3),
        text("status", 16),
        integer("version"),
        instant("created_at"),
        instant("updated_at"),
        sa.UniqueConstraint("conversion_id"),
        **OPTIONS,
    )
    op.create_index("commission_by_update", "commission", ["updated_at", "id"])
    op.create_table(
        "outbox_event",
        seq(),
        text("id", 36),
        text("aggregate_type", 32),
        text("aggregate_id", 36),
        integer("aggregate_version"),
        text("type", 64),
        integer("version"),
        json("payload"),
        text("correlation_id", 64),
        text("traceparent", 64, nullable=True),
        instant("occurred_at"),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("aggregate_id", "aggregate_version", name="outbox_event_once"),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index("outbox_event_by_correlation", "outbox_event", ["correlation_id", "seq"])
    op.create_table(
        "notification",
        seq(),
        text("event_id", 36),
        text("commission_id", 36),
        integer("aggregate_version"),
        text("type", 64),
        json("payload"),
        text("correlation_id", 64),
        text("consumer", 64),
        instant("occurred_at"),
        instant("notified_at"),
        sa.UniqueConstraint("event_id"),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index("notification_by_commission", "notification", ["commission_id", "seq"])
    op.create_index("notification_by_correlation", "notification", ["correlation_id", "seq"])
    op.create_table(
        "processed_message",
        seq(),
        text("event_id", 36, nullable=True),
        text("topic", 255),
        text("message_id", 64),
        integer("redelivery_count"),
        text("outcome", 16),
        text("correlation_id", 64, nullable=True),
        text("consumer", 64),
        instant("received_at"),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index("processed_message_by_event", "processed_message", ["event_id"])
    op.create_index("processed_message_by_outcome", "processed_message", ["outcome", "correlation_id"])
    op.create_table(
        "hop_time",
        sa.Column("event_id", sa.String(36), primary_key=True),
        sa.Column("hop", sa.String(16), primary_key=True),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        text("clock", 16),
        **OPTIONS,
    )
    op.create_table(
        "dead_letter",
        seq(),
        text("topic", 255),
        text("message_id", 64),
        text("message_key", 512, nullable=True),
        sa.Column("payload", sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql"), nullable=False),
        json("properties"),
        text("event_id", 36, nullable=True),
        text("correlation_id", 64, nullable=True),
        text("reason", 32),
        sa.Column("detail", sa.Text(), nullable=False),
        integer("attempts"),
        instant("dead_lettered_at"),
        instant("requeued_at", nullable=True),
        sa.UniqueConstraint("topic", "message_id", name="dead_letter_once"),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_table(
        "relay_checkpoint",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        instant("updated_at"),
        **OPTIONS,
    )
