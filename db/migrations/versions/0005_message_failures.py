"""Failures that outlive a worker's process, and dead letters that are published once.

`message_failure` counts what went wrong with a message, for all workers. `dead_letter.published_at` says whether the
dead-letter topic has it; `dead_letter.publish_us` tells two messages of one id apart, as a broker with a new store gives.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    instant = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
    op.create_table(
        "message_failure",
        sa.Column("topic", sa.String(255), primary_key=True),
        sa.Column("message_id", sa.String(64), primary_key=True),
        sa.Column("publish_us", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("failed_at", instant, nullable=False),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    with op.batch_alter_table("dead_letter", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.add_column(sa.Column("publish_us", sa.BigInteger(), nullable=False, server_default="0"))
        table.add_column(sa.Column("published_at", instant, nullable=True))
        table.drop_constraint("dead_letter_once", type_="unique")
        table.create_unique_constraint("dead_letter_once", ["topic", "message_id", "publish_us"])
    # What is there already was published before its row was written.
    op.execute("UPDATE dead_letter SET published_at = dead_lettered_at")
