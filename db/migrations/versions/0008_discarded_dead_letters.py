"""A dead letter can be discarded: its row stays, with the time and a note, and it no longer waits to be requeued."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    instant = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
    op.add_column("dead_letter", sa.Column("discarded_at", instant, nullable=True))
    op.add_column("dead_letter", sa.Column("discard_note", sa.String(500), nullable=True))
