"""A row that the relay would never see is refused on SQLite.

The relay reads upward from the last `seq` that it published. On MySQL, Debezium reads the binlog, where any `seq` is seen.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

TRIGGER = """
CREATE TRIGGER outbox_event_in_order AFTER INSERT ON outbox_event
WHEN NEW.seq <= 0 OR EXISTS (SELECT 1 FROM outbox_event WHERE seq > NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'the relay has passed this seq: insert the row without seq, and it gets the next one');
END
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(TRIGGER)
