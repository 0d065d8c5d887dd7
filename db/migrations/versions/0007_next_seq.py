"""A row may not take a `seq` far above the last one either: after the highest integer, SQLite has no `seq` for any row."""

from alembic import op

revision = "0007"
down_revision = "0006"

LARGEST_JUMP = 2**40

TRIGGER = f"""
CREATE TRIGGER outbox_event_in_order AFTER INSERT ON outbox_event
WHEN NEW.seq <= 0
  OR EXISTS (SELECT 1 FROM outbox_event WHERE seq > NEW.seq)
  OR NEW.seq > {LARGEST_JUMP} + (SELECT coalesce(max(seq), 0) FROM outbox_event WHERE seq < NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'this seq is not the next one: insert the row without seq, and it gets the next one');
END
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER outbox_event_in_order")
        op.execute(TRIGGER)
