"""The timestamps of an event are one row of `event_timing`, not five of `hop_time`: half of what the worker wrote were these rows."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

HOPS = ("committed", "captured", "published", "received", "persisted")


def upgrade() -> None:
    op.create_table(
        "event_timing",
        sa.Column("event_id", sa.String(36), primary_key=True),
        *(sa.Column(f"{hop}_us", sa.BigInteger, nullable=True) for hop in HOPS),
    )
    times = ", ".join(f"MAX(CASE WHEN hop = '{hop}' THEN at_us END)" for hop in HOPS)
    op.execute(f"INSERT INTO event_timing SELECT event_id, {times} FROM hop_time GROUP BY event_id")
    op.drop_table("hop_time")
