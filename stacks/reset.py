"""Empty the tables, the broker's topics, the observer's store and the audit file, consistently.

Emptying the tables alone would not be enough: later redeliveries of the broker would count as new events.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, Engine, func, select, text

from application.components import find_component, select_names
from application.permissions import Action, require
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from db.tables import IS_DEAD_LETTERED, IS_NOTIFIED, metadata, outbox_event
from domain.errors import ExpectedError
from settings import Settings
from stacks import instance, operation, recovery
from stacks.captures import capture_of
from stacks.controls import control
from stacks.lag import read_lag
from stacks.operation import Holding, Say
from stacks.registry import stack_of

DRAINED_WITHIN_S = 30.0
HEALTHY_WITHIN_S = 120.0


class NotDrained(ExpectedError):
    """Events were still in flight; nothing was reset."""


def reset(settings: Settings, say: Say) -> dict[str, int]:
    """Empty a running instance and return {table: rows removed}. Its components run again afterwards, even if this process dies.

    Raises NotDrained, NotRunning, Busy, DatabaseUnavailable, AdminUnavailable, Forbidden or NotOurs.
    """
    require(settings, Action.RESET)
    require_instance(settings)
    removed: dict[str, int] = {}

    def empty_all(connection: Connection) -> None:
        removed.update(empty_tables(connection))

    with operation.alone(settings, "reset", say), operation.without_scenario(settings):
        recovery.recover(settings, say)
        replace(settings, "reset", empty_all, say)
    return removed


def require_instance(settings: Settings) -> None:
    """Raise NotOurs where this program has created no instance, before anything is written there.

    The homes of the other stacks hold no data, and may be created by the operator who runs their components.
    """
    if settings.facts.home_holds_data:
        instance.require(settings)


def replace(settings: Settings, name: str, change: Callable[[Connection], None], say: Say, **notes: object) -> None:
    """Change all tables in one transaction, and everything that depends on them. The caller holds the locks.

    If this process is killed at any moment, `stacks.recovery` brings back the old or the new state within seconds, with the
    help of `notes`. Raises what `reset` raises, and what `change` raises; nothing is changed then.
    """
    engine = connect(settings.admin_url, pool_size=1)
    try:
        with operation.holding(settings, name) as holding:
            holding.note(**notes)
            say("stopping the writers; waiting until what they wrote is notified")
            holding.hold(*select_names(settings, lambda component: component.sends_commands))
            _drain(settings, engine)
            running = [state.name for state in control(settings).states()]
            carriers = [name for name in running if find_component(name).carries_events]
            holding.hold(*dict.fromkeys((*carriers, settings.facts.capture.component)))
            if servers := stack_of(settings).held_to_empty_topics:
                holding.hold(*servers)
            if not settings.facts.capture.is_process:
                # A running source would publish the new rows to the topics that are deleted next.
                holding.note(source="stopped")
                capture_of(settings).stop()
            say("changing the tables, and the topics with them")
            _decide(settings, engine, holding, change)
            recovery.complete(settings, holding.journal, holding.note)
    finally:
        engine.dispose()
    instance.wait_whole(settings, lambda _: None, HEALTHY_WITHIN_S)


def _decide(settings: Settings, engine: Engine, holding: Holding, change: Callable[[Connection], None]) -> None:
    holding.decide()
    try:
        with translated(), engine.begin() as connection:
            change(connection)
            recovery.mark(connection, holding.journal)
    except BaseException as error:
        # An interrupted commit may have succeeded. If the database cannot say, `stacks.recovery` asks it later.
        try:
            decided = recovery.is_marked(settings, holding.journal)
        except DatabaseUnavailable:
            raise error from None
        if not decided:
            holding.undecide()
            recovery.undo(settings, holding.journal)
        raise


def empty_tables(connection: Connection) -> dict[str, int]:
    """Remove every row and restart the sequences; on MySQL the rows are removed when the operation is completed.

    Returns {table: rows}.
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


def _drain(settings: Settings, engine: Engine) -> None:
    deadline = time.monotonic() + DRAINED_WITHIN_S
    while True:
        lag = read_lag(settings, engine)
        with engine.connect().execution_options(**READ) as connection:
            not_notified = _count_unnotified(connection)
        if lag.capture_behind == 0 and not_notified == 0:
            return
        if time.monotonic() > deadline:
            raise NotDrained(
                f"after {DRAINED_WITHIN_S:.0f} s, {lag.capture_behind} events are not published and {not_notified} have no"
                " notification: nothing was changed. `./alpes status` shows which component lags; `./alpes reset --all`"
                " deletes everything regardless"
            )
        time.sleep(0.1)


def _count_unnotified(connection: Connection) -> int:
    query = select(func.count()).select_from(outbox_event).where(~IS_NOTIFIED, ~IS_DEAD_LETTERED)
    with translated():
        return connection.scalar(query) or 0
