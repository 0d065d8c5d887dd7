"""Completes or undoes a reset or a restore that was cut short, at whatever instant.

Whether it was decided stands in the database: a mark that its one transaction writes with the rows. With the mark, everything
else is brought level with the tables; without it, nothing was changed and the parts start again. Every step may be repeated.

`python -m stacks.recovery` is what the watcher runs when it finds a journal whose process is gone.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, insert, select, text

from connectors.admin import Admin, AdminRefused
from db import rows
from db.engine import READ, connect
from db.errors import translated
from db.tables import metadata, relay_checkpoint
from settings import Settings, load
from stacks import embedded, operation, staging
from stacks.native import intent, provision
from stacks.operation import Journal, Say
from telemetry import logs

log = logging.getLogger("recovery")

MARK = "operation"
"""The name of the mark among the checkpoints, which every schema has."""
KEPT_BY_RESET = ("scenario_run",)
"""The history of what was shown; each run tells of itself."""


def recover(settings: Settings, say: Say) -> bool:
    """Complete or undo what was cut short; whether there was such a thing. The caller has the instance's lock.

    Raises DatabaseUnavailable, AdminUnavailable, AdminRefused or NotRunning: then it can be tried again.
    """
    journal = operation.read(settings)
    if journal is None:
        return False
    if journal.phase == "decided" and is_marked(settings, journal):
        say(f"completing a {journal.operation} that was cut short")
        complete(settings, journal)
        staging.discard(settings)
    else:
        say(f"undoing a {journal.operation} that was cut short")
        undo(settings, journal)
    operation.finish(settings, journal)
    return True


def mark(connection: Connection, journal: Journal) -> None:
    """In the transaction that decides the operation."""
    connection.execute(delete(relay_checkpoint).where(relay_checkpoint.c.name == MARK))
    now = datetime.now(UTC).replace(tzinfo=None)
    connection.execute(insert(relay_checkpoint).values(name=MARK, seq=journal.id, updated_at=now))


def is_marked(settings: Settings, journal: Journal) -> bool:
    """Whether the operation was decided. Raises DatabaseUnavailable."""
    query = select(relay_checkpoint.c.seq).where(relay_checkpoint.c.name == MARK)
    engine = connect(settings.admin_url, pool_size=1)
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            return connection.scalar(query) == journal.id
    finally:
        engine.dispose()


def complete(settings: Settings, journal: Journal) -> None:
    """Bring topics, observer and audit file level with the tables. Raises as `recover` does."""
    operation.hold_all(settings, journal.parts)
    if settings.stack == "embedded":
        embedded.remove_store(settings)
    else:
        _new_topics(settings)
    _observe(settings, journal)
    engine = connect(settings.admin_url, pool_size=1)
    try:
        if engine.dialect.name == "mysql":
            _definitions(engine, journal)
        with translated(), engine.begin() as connection:
            connection.execute(delete(relay_checkpoint).where(relay_checkpoint.c.name == MARK))
    finally:
        engine.dispose()


def undo(settings: Settings, journal: Journal) -> None:
    """Nothing was changed but what lies beside, and the source that was stopped. Raises AdminUnavailable or AdminRefused."""
    for path in settings.data.glob("observer.db.new*"):
        path.unlink(missing_ok=True)
    staging.discard(settings)
    if journal.notes.get("source") == "stopped" and intent.read(settings) == "run":
        with Admin(settings, timeout_s=30) as admin:
            admin.source(settings.source_name, "start")


def stop_source(settings: Settings) -> None:
    """Stop it, also where it is stopped already: Pulsar answers 400 to that. Raises AdminUnavailable or AdminRefused."""
    with Admin(settings, timeout_s=30) as admin:
        try:
            admin.source(settings.source_name, "stop")
        except AdminRefused as error:
            if error.status != 400 or admin.source_status(settings.source_name).running:
                raise


def _new_topics(settings: Settings) -> None:
    stop_source(settings)
    with Admin(settings, timeout_s=30) as admin:
        for topic in settings.topics.observed():
            admin.delete_topic(topic)
    provision.provision_broker(settings, lambda _: None)
    if intent.read(settings) == "run":
        with Admin(settings, timeout_s=30) as admin:
            admin.source(settings.source_name, "start")


def _observe(settings: Settings, journal: Journal) -> None:
    """The restored store takes the place of the observer's, or none does; the audit worker writes its file anew."""
    store, aside = settings.observer_store, observed_aside(settings)
    if aside.exists() or not journal.notes.get("observed"):  # else it is in its place already
        for suffix in ("-wal", "-shm", ""):
            store.with_name(store.name + suffix).unlink(missing_ok=True)
    if aside.exists():
        aside.replace(store)
    for path in settings.data.glob("events.*"):
        path.unlink(missing_ok=True)


def _definitions(engine: Engine, journal: Journal) -> None:
    """What MySQL does outside of transactions: to empty a table at once, and to set where its sequence goes on."""
    with translated(), engine.connect() as connection:
        if journal.operation == "reset":
            for table in metadata.sorted_tables:
                if table.name not in (*KEPT_BY_RESET, relay_checkpoint.name):
                    connection.execute(text(f"TRUNCATE TABLE {table.name}"))
        rows.continue_sequences(connection)
        connection.commit()


def observed_aside(settings: Settings) -> Path:
    """The observer's store of a restore, made ready beside the present one."""
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
