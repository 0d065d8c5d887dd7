"""Back to empty: the tables, the broker's topics, what the observer saw and the audit file, so that they still agree.

Emptying the tables alone would not do: what the broker delivers again later would count as new.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, Engine, text

from application.permissions import Action, require
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from db.tables import metadata
from settings import Settings
from stacks import health, instance, operation, recovery
from stacks.controls import control
from stacks.operation import Holding, Say

WRITERS = ("api", "commands", "dashboard")
READERS = ("relay", "source", "observer", "audit")
DRAINED_WITHIN_S = 30.0
WHOLE_WITHIN_S = 120.0


class NotDrained(Exception):
    """Events were still on their way; nothing was reset."""


def reset(settings: Settings, say: Say) -> dict[str, int]:
    """Empty a running instance; {table: rows removed}. Its parts run again afterwards, whenever it is interrupted or killed.

    Raises NotDrained, NotRunning, Busy, DatabaseUnavailable, AdminUnavailable or Forbidden.
    """
    require(settings, Action.RESET)
    removed: dict[str, int] = {}

    def empty(connection: Connection) -> None:
        removed.update(empty_tables(connection))

    with operation.alone(settings, "reset", say), operation.without_scenario(settings):
        recovery.recover(settings, say)
        replace(settings, "reset", empty, say)
    return removed


def replace(settings: Settings, name: str, change: Callable[[Connection], None], say: Say, **notes: object) -> None:
    """Change all tables in one transaction, and everything that depends on them; the caller has the locks.

    Killed at any instant, the old state or the new one is there again within seconds: see `stacks.recovery`, which `notes` are
    for. Raises as `reset` does, and what `change` raises: nothing was then changed.
    """
    engine = connect(settings.admin_url, pool_size=1)
    try:
        with operation.holding(settings, name) as held:
            held.note(**notes)
            say("stopping the writers; waiting until what they wrote is notified")
            held.hold(*WRITERS)
            _drained(settings, engine)
            names = [state.name for state in control(settings).states()]
            held.hold(*(part for part in names if part.startswith("notifications")), *READERS)
            if settings.stack == "embedded":
                held.hold("broker")
            else:
                # While it runs, it publishes the new rows to the topics that are about to be deleted.
                held.note(source="stopped")
                recovery.stop_source(settings)
            say("changing the tables, and the topics with them")
            _decide(settings, engine, held, change)
            recovery.complete(settings, held.journal)
    finally:
        engine.dispose()
    instance.wait_whole(settings, lambda _: None, WHOLE_WITHIN_S)


def _decide(settings: Settings, engine: Engine, held: Holding, change: Callable[[Connection], None]) -> None:
    held.decide()
    try:
        with translated(), engine.begin() as connection:
            change(connection)
            recovery.mark(connection, held.journal)
    except BaseException as error:
        # An interrupted commit may have been one. Where the database cannot say, `stacks.recovery` asks it later.
        try:
            decided = recovery.is_marked(settings, held.journal)
        except DatabaseUnavailable:
            raise error from None
        if not decided:
            held.undecide()
            recovery.undo(settings, held.journal)
        raise


def empty_tables(connection: Connection) -> dict[str, int]:
    """Remove every row and begin the sequences anew; on MySQL the rows go when the operation is completed.

    {table: rows}.
    """
    removed: dict[str, int] = {}
    for table in metadata.sorted_tables:
        if table.name not in recovery.KEPT_BY_RESET:
            removed[table.name] = connection.scalar(text(f"SELECT COUNT(*) FROM {table.name}")) or 0
            if connection.dialect.name != "mysql":
                connection.execute(text(f"DELETE FROM {table.name}"))
    if connection.dialect.name != "mysql":
        connection.execute(text("DELETE FROM sqlite_sequence"))
    return removed


def _drained(settings: Settings, engine: Engine) -> None:
    deadline = time.monotonic() + DRAINED_WITHIN_S
    while True:
        lag = health.lag(settings, engine)
        with engine.connect().execution_options(**READ) as connection:
            left = _unnotified(connection)
        if lag.capture_behind == 0 and left == 0:
            return
        if time.monotonic() > deadline:
            raise NotDrained(
                f"{lag.capture_behind} events are not published and {left} not notified of after {DRAINED_WITHIN_S:.0f} s:"
                " nothing was changed. `./alpes status` shows what is behind; `./alpes reset --all` starts afresh regardless"
            )
        time.sleep(0.1)


def _unnotified(connection: Connection) -> int:
    query = (
        "SELECT COUNT(*) FROM outbox_event o WHERE NOT EXISTS (SELECT 1 FROM notification n WHERE n.event_id = o.id)"
        " AND NOT EXISTS (SELECT 1 FROM dead_letter d WHERE d.event_id = o.id)"
    )
    with translated():
        return connection.scalar(text(query)) or 0
