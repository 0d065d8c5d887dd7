"""Scenario runs, and the table of the naive writer that the dual-write scenario compares the outbox with."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def instant(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "scenario_run",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("stack", sa.String(16), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=True),
        instant("started_at"),
        instant("finished_at", nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        **OPTIONS,
    )
    op.create_index("scenario_run_by_start", "scenario_run", ["started_at", "id"])
    op.create_table(
        "naive_commission",
        sa.Column("event_id", sa.String(36), primary_key=True),
        sa.Column("conversion_id", sa.String(64), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        instant("created_at"),
        **OPTIONS,
    )
    op.create_index("naive_commission_by_correlation", "naive_commission", ["correlation_id"])
