"""Complete or undo a reset or a restore that was interrupted, at any moment.

The database says whether the operation was decided: its one transaction writes a mark together with the rows. With the mark,
topics, observer and audit file are made to agree with the tables; without it, nothing was changed and the components start again.
Every step may be repeated.

The watcher runs `python -m stacks.recovery` when it finds a journal whose process has ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, insert, select, text

from db import rows
from db.engine import READ, connect
from db.errors import translated
from db.tables import metadata, relay_checkpoint
from domain.clock import utc_now
from settings import Settings, load
from stacks import operation, sqlite_files, staging
from stacks.captures import capture_of
from stacks.operation import SELECTS_ROWS, Journal, Say
from stacks.registry import stack_of
from telemetry import logs

log = logging.getLogger("recovery")

MARK = "operation"
"""Name of the mark in the table of checkpoints, which every schema has."""
KEPT_BY_RESET = ("scenario_run",)
"""Tables that a reset keeps: the history of runs does not depend on the other tables."""


def recover(settings: Settings, say: Say) -> bool:
    """Complete or undo an interrupted operation, and return whether there was one. The caller holds the instance's lock.

    Raises DatabaseUnavailable, AdminUnavailable, AdminRefused or NotRunning; it can then be called again.
    """
    journal = operation.read(settings)
    if journal is None:
        return False
    if journal.phase == "decided" and is_marked(settings, journal):
        say(f"completing an interrupted {journal.operation}")
        complete(
            settings, journal, lambda **notes: operation.write(settings, replace(journal, notes=journal.notes | notes))
        )
        staging.discard(settings)
    else:
        say(f"undoing an interrupted {journal.operation}")
        undo(settings, journal)
    operation.finish(settings, journal)
    return True


def mark(connection: Connection, journal: Journal) -> None:
    """Write the mark. Call it in the transaction that decides the operation."""
    connection.execute(delete(relay_checkpoint).where(relay_checkpoint.c.name == MARK))
    now = utc_now()
    connection.execute(insert(relay_checkpoint).values(name=MARK, seq=journal.id, updated_at=now))


def is_marked(settings: Settings, journal: Journal) -> bool:
    """Return whether the operation was decided. Raises DatabaseUnavailable."""
    query = select(relay_checkpoint.c.seq).where(relay_checkpoint.c.name == MARK)
    engine = connect(settings.admin_url, pool_size=1)
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            return connection.scalar(query) == journal.id
    finally:
        engine.dispose()


def complete(settings: Settings, journal: Journal, note: Callable[..., None]) -> None:
    """Make topics, observer and audit file agree with the tables. Raises what `recover` raises.

    `note(**values)` adds to the journal: topics are emptied once. When a completion dies after that, the source may have
    published the restored rows already, and would not publish them a second time.
    """
    operation.hold_all(settings, journal.parts)
    capture = capture_of(settings)
    capture.stop()
    if not journal.notes.get("topics_are_empty"):
        stack_of(settings).empty_topics()
        note(topics_are_empty=True)
    capture.start()
    _observe(settings, journal)
    engine = connect(settings.admin_url, pool_size=1)
    try:
        if engine.dialect.name == "mysql":
            _reset_tables_and_sequences(engine, journal)
        with translated(), engine.begin() as connection:
            connection.execute(delete(relay_checkpoint).where(relay_checkpoint.c.name == MARK))
    finally:
        engine.dispose()


def undo(settings: Settings, journal: Journal) -> None:
    """Remove the prepared files, and return the capture to its ordinary configuration and start it; nothing else was changed.

    Raises AdminUnavailable, AdminRefused or NotRunning.
    """
    sqlite_files.remove_database(restored_store(settings))
    staging.discard(settings)
    if journal.notes.get(SELECTS_ROWS):
        capture_of(settings).restore_configuration()
    if journal.notes.get("source") == "stopped":
        capture_of(settings).start()


def _observe(settings: Settings, journal: Journal) -> None:
    """Replace the observer's store by the restored one, or remove it; remove the audit file, which its worker rewrites."""
    store, new_store = settings.observer_store, restored_store(settings)
    has_restored_store = bool(journal.notes.get("observed"))
    if not has_restored_store:
        sqlite_files.remove_database(new_store)  # an interrupted restore left it
    if new_store.exists() or not has_restored_store:  # otherwise the restored store is in place already
        sqlite_files.remove_database(store)
    if new_store.exists():
        new_store.replace(store)
    settings.audit_file.unlink(missing_ok=True)
    sqlite_files.remove_database(settings.data / "events.index")


def _reset_tables_and_sequences(engine: Engine, journal: Journal) -> None:
    """Truncate tables and set sequences, which MySQL does outside of transactions."""
    with translated(), engine.connect() as connection:
        if journal.operation == "reset":
            for table in metadata.sorted_tables:
                if table.name not in (*KEPT_BY_RESET, relay_checkpoint.name):
                    connection.execute(text(f"TRUNCATE TABLE {table.name}"))
        rows.continue_sequences(connection)
        connection.commit()


def restored_store(settings: Settings) -> Path:
    """Return the path of the observer's store that a restore prepares next to the present one."""
    return settings.data / "observer.db.new"


def main() -> None:
    settings = load()
    logs.configure(settings, "recovery")
    try:
        with operation.alone(settings, "recovery", log.info, patience_s=0):
            recover(settings, log.info)
    except operation.Busy as error:
        log.info("%s", error)


if __name__ == "__main__":
    main()
