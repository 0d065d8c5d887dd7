"""Indexes for what a page asks again and again: commissions that wait for approval, dead letters of an event."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("commission_by_status", "commission", ["status", "updated_at", "id"])
    op.create_index("dead_letter_by_event", "dead_letter", ["event_id"])
