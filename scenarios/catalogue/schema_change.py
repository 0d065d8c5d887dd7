"""The outbox table is changed under load: a column is added, and the table is swapped as gh-ost does it."""

from __future__ import annotations

from db.tables import outbox_event
from domain.message import Message
from scenarios import mysql_server
from scenarios.model import Scenario
from scenarios.trial import Trial
from settings import Settings

TABLE = outbox_event.name
COLUMN = "note_of_scenario"
ADD = f"ADD COLUMN {COLUMN} VARCHAR(20) NOT NULL DEFAULT 'new'"
DROP = f"DROP COLUMN {COLUMN}"
GHOST = f"_{TABLE}_gho"
OLD = f"_{TABLE}_del"


def experiment(trial: Trial) -> None:
    settings = trial.settings
    with trial.cleaned_up(lambda: put_back(settings)):
        put_back(settings)  # another run may have ended in the middle
        with trial.load() as load:
            _change(trial, Message("fault.column_added"), f"ALTER TABLE {TABLE} {ADD}", has_column=True)
            load.wait_for_more(40)
            _change(trial, Message("fault.column_dropped"), f"ALTER TABLE {TABLE} {DROP}", has_column=False)
            load.wait_for_more(20)
            with trial.injected("database", Message("fault.table_swapped"), lambda: swap(settings, ADD)):
                swapped = Message("confirm.table_swapped")
                trial.confirm(swapped, lambda: OLD in mysql_server.list_tables(settings) and _has_column(settings))
                load.wait_for_more(40)
            with trial.restarted(trial.capture_part):  # it reads the history of the swap
                load.wait_for_more(40)
    trial.wait_until_notified(trial.acknowledged, 60)
    trial.check(Message("check.table_as_before"), not _has_column(settings) and not _leftovers(settings))
    trial.wait_until_healthy()


def _change(trial: Trial, fault: Message, statement: str, *, has_column: bool) -> None:
    with trial.injected("database", fault, lambda: mysql_server.execute(trial.settings, statement)):
        trial.confirm(Message("confirm.columns_changed"), lambda: _has_column(trial.settings) is has_column)


def swap(settings: Settings, alteration: str) -> None:
    """Put an altered copy with the same rows in the table's place; the table itself is `OLD` afterwards.

    Writers wait meanwhile, as they do at the end of an online change.
    """
    columns = ", ".join(name for name in mysql_server.list_columns(settings, TABLE) if name != COLUMN)
    next_seq = mysql_server.execute(
        settings,
        "SET SESSION information_schema_stats_expiry = 0",
        f"SELECT auto_increment FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '{TABLE}'",
    )[0][0]
    mysql_server.execute(
        settings,
        f"CREATE TABLE {GHOST} LIKE {TABLE}",
        f"ALTER TABLE {GHOST} {alteration}",
        f"ALTER TABLE {GHOST} AUTO_INCREMENT = {next_seq}",  # `seq` never goes back, although newest rows are pruned
        f"LOCK TABLES {TABLE} WRITE, {GHOST} WRITE",
        f"INSERT INTO {GHOST} ({columns}) SELECT {columns} FROM {TABLE}",
        f"RENAME TABLE {TABLE} TO {OLD}, {GHOST} TO {TABLE}",
        "UNLOCK TABLES",
    )


def put_back(settings: Settings) -> None:
    """Give the table its own columns again and remove the others, wherever a run ended."""
    for table in _leftovers(settings):
        mysql_server.execute(settings, f"DROP TABLE {table}")
    if _has_column(settings):
        mysql_server.execute(settings, f"ALTER TABLE {TABLE} {DROP}")


def _has_column(settings: Settings) -> bool:
    return COLUMN in mysql_server.list_columns(settings, TABLE)


def _leftovers(settings: Settings) -> set[str]:
    return {GHOST, OLD} & mysql_server.list_tables(settings)


SCENARIO = Scenario(
    name="schema-change",
    quality="Schema change",
    hypothesis="A column that is added to the outbox, and an online change that swaps the table, lose and repeat nothing.",
    breaks="Under load, the outbox gets a column and loses it, a copy of the table takes its place, and the source restarts.",
    experiment=experiment,
    attribute="consistency",
    stacks=("native",),
    takes_s=20,
)
