"""Grant MySQL's users the right to write, table by table; `init.sql` grants the right to read.

Neither the application nor the worker may change or delete an outbox row, and only the worker writes notifications.
"""

from __future__ import annotations

from sqlalchemy import Engine, text

from db.errors import translated
from db.tables import outbox_event

_OUTBOX_COLUMNS = ", ".join(column.name for column in outbox_event.columns if column.name != "seq")
"""All but `seq`: a row with the highest integer would leave no `seq` for the rows after it."""

GRANTS = (
    "GRANT INSERT, UPDATE ON alpes.commission TO 'alpes'@'%'",
    f"GRANT INSERT ({_OUTBOX_COLUMNS}) ON alpes.outbox_event TO 'alpes'@'%'",
    "GRANT INSERT, UPDATE ON alpes.event_timing TO 'alpes'@'%'",
    "GRANT INSERT, UPDATE ON alpes.scenario_run TO 'alpes'@'%'",
    "GRANT INSERT ON alpes.naive_commission TO 'alpes'@'%'",
    "GRANT INSERT ON alpes.notification TO 'alpes_worker'@'%'",
    "GRANT INSERT ON alpes.processed_message TO 'alpes_worker'@'%'",
    "GRANT INSERT, UPDATE ON alpes.event_timing TO 'alpes_worker'@'%'",
    "GRANT INSERT, UPDATE ON alpes.dead_letter TO 'alpes_worker'@'%'",
    "GRANT INSERT, UPDATE, DELETE ON alpes.message_failure TO 'alpes_worker'@'%'",
)


def apply_grants(engine: Engine) -> None:
    """Apply the grants as the admin user, after the tables were created. Raise DatabaseUnavailable."""
    with translated(), engine.begin() as connection:
        for statement in GRANTS:
            connection.execute(text(statement))
