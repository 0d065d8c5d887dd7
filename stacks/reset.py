"""Back to empty: the tables, the broker's topics, what the observer saw and the audit file, so that they still agree.

Emptying the tables alone would not do: what the broker delivers again later would count as new.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, Engine, text

from application.permissions import Action, require
from connectors.admin import Admin
from db.engine import READ, connect
from db.errors import translated
from db.tables import metadata
from settings import Settings
from stacks import embedded, health, instance
from stacks.controls import control
from stacks.native import provision

Say = Callable[[str], None]
WRITERS = ("api", "commands", "dashboard")
DRAINED_WITHIN_S = 30.0


class NotDrained(Exception):
    """Events were still on their way; nothing was reset."""


def reset(settings: Settings, say: Say, fill: Callable[[Engine], None] = lambda engine: None) -> dict[str, int]:
    """Empty a running instance; {table: rows removed}. Whatever happens, its parts run again afterwards.

    `fill(engine)` may put other rows in, as the admin user, before they do.

    Raises NotDrained, NotRunning, DatabaseUnavailable, AdminUnavailable or Forbidden.
    """
    require(settings, Action.RESET)
    parts = control(settings)
    names = [state.name for state in parts.states()]
    stopped: list[str] = []

    def stop(wanted: list[str]) -> None:
        for name in wanted:
            if name in names:
                parts.stop_part(name)
                stopped.append(name)

    engine = connect(settings.admin_url, pool_size=1)
    try:
        say("stopping the writers; waiting until what they wrote is notified")
        stop(["watcher", *WRITERS])
        _drained(settings, engine)
        stop([name for name in names if name.startswith("notifications") or name in ("relay", "observer", "audit")])
        removed = _empty(settings, engine, stop, say)
        fill(engine)
    finally:
        engine.dispose()
        for name in reversed(stopped):
            parts.start_part(name)
    instance.wait_whole(settings, lambda _: None, 60)
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
                " nothing was reset. `./alpes status` shows what is behind; `./alpes reset --all` starts afresh regardless"
            )
        time.sleep(0.1)


def _unnotified(connection: Connection) -> int:
    query = (
        "SELECT COUNT(*) FROM outbox_event o WHERE NOT EXISTS (SELECT 1 FROM notification n WHERE n.event_id = o.id)"
        " AND NOT EXISTS (SELECT 1 FROM dead_letter d WHERE d.event_id = o.id)"
    )
    with translated():
        return connection.scalar(text(query)) or 0


def _empty(settings: Settings, engine: Engine, stop: Callable[[list[str]], None], say: Say) -> dict[str, int]:
    say("emptying tables and topics")
    removed = empty_tables(engine)
    if settings.stack == "embedded":
        stop(["broker"])
        embedded.remove_store(settings)
    else:
        with Admin(settings, timeout_s=30) as admin:
            admin.source(settings.source_name, "stop")
            for topic in settings.topics.observed():
                admin.delete_topic(topic)
        provision.provision_broker(settings, lambda _: None)
        with Admin(settings, timeout_s=30) as admin:
            admin.source(settings.source_name, "start")
    for path in settings.data.glob("observer.db*"):
        path.unlink(missing_ok=True)
    settings.audit_file.unlink(missing_ok=True)
    return removed


def empty_tables(engine: Engine) -> dict[str, int]:
    """Remove every row and begin the sequences anew: on SQLite in one transaction, the relay's checkpoint with them."""
    removed: dict[str, int] = {}
    mysql = engine.dialect.name == "mysql"
    with translated(), engine.begin() as connection:
        for table in metadata.sorted_tables:
            if table.name == "scenario_run":  # the history of what was shown; each run tells of itself
                continue
            removed[table.name] = connection.scalar(text(f"SELECT COUNT(*) FROM {table.name}")) or 0
            connection.execute(text(f"{'TRUNCATE TABLE' if mysql else 'DELETE FROM'} {table.name}"))
        if not mysql:
            connection.execute(text("DELETE FROM sqlite_sequence"))
    return removed
