"""Each experiment with a fault of the source passes where the source heals, and fails where it does not.

MySQL and the source are made up here; `tests/scenarios/test_verdicts.py` runs the same experiments on real ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scenarios import mysql_server, source_faults
from scenarios.catalogue import (
    binlog_purged,
    capture_upgrade,
    history_lost,
    older_binlog,
    schema_change,
    server_replaced,
    unparseable_ddl,
)
from scenarios.waiting import TookTooLong
from settings import Settings
from stacks.native import healing, other_capture
from tests.unit.trials import UnitTrial


@dataclass
class Server:
    """A MySQL server as `mysql_server` shows it."""

    binlogs: set[str] = field(default_factory=lambda: {"mysql-bin.000001"})
    id: str = "first"
    columns: dict[str, list[str]] = field(default_factory=lambda: {schema_change.TABLE: ["seq", "id"]})
    statements: list[str] = field(default_factory=list)
    obeys: bool = True

    def execute(self, _: Settings, *statements: str) -> list[tuple[Any, ...]]:
        for statement in statements if self.obeys else ():
            self._execute(statement)
        return [(100,)]

    def _execute(self, statement: str) -> None:
        self.statements.append(statement)
        words = statement.replace(",", "").split()
        match words:
            case ["CREATE", "TABLE", copy, "LIKE", table]:
                self.columns[copy] = list(self.columns[table])
            case ["ALTER", "TABLE", table, "ADD", "COLUMN", column, *_]:
                self.columns[table].append(column)
            case ["ALTER", "TABLE", table, "DROP", "COLUMN", column]:
                self.columns[table].remove(column)
            case ["RENAME", "TABLE", table, "TO", old, copy, "TO", _]:
                self.columns[old], self.columns[table] = self.columns[table], self.columns.pop(copy)
            case ["DROP", "TABLE", table]:
                del self.columns[table]

    def purge(self, _: Settings) -> None:
        if self.obeys:
            self.binlogs = {"mysql-bin.000002"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(mysql_server, "execute", server.execute)
    monkeypatch.setattr(mysql_server, "list_binlogs", lambda _: set(server.binlogs))
    monkeypatch.setattr(mysql_server, "purge_binlogs", server.purge)
    monkeypatch.setattr(mysql_server, "read_server_id", lambda _: server.id)
    monkeypatch.setattr(mysql_server, "list_tables", lambda _: set(server.columns))
    monkeypatch.setattr(mysql_server, "list_columns", lambda _, table: list(server.columns[table]))
    monkeypatch.setattr(mysql_server, "read_binlog_end", lambda _: ("mysql-bin.000001", 4))
    monkeypatch.setattr(mysql_server, "read_binlog", lambda *_: list(server.statements))
    monkeypatch.setattr(source_faults, "PAIRS", 2)
    return server


@pytest.fixture
def heal(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """`heal(False)`: the source starts behind what it did not read, and repeats nothing."""
    takes_snapshot = True

    @contextmanager
    def paused(_: UnitTrial) -> Iterator[None]:
        trial.passes_on = False
        yield
        trial.passes_on = takes_snapshot
        if takes_snapshot:
            trial.instance.pass_rows(trial.rows(), numbers_from=1000)

    def choose(snapshot: bool) -> None:
        nonlocal takes_snapshot
        takes_snapshot = snapshot

    monkeypatch.setattr(source_faults, "paused_capture", paused)
    monkeypatch.setattr(trial, "wait_until_healthy", lambda *_: None)
    return choose


def _fails(trial: UnitTrial, experiment: Callable[[UnitTrial], None]) -> None:
    """Run an experiment that waits in vain for what the source has lost."""
    with pytest.raises(TookTooLong):
        experiment(trial)


def test_a_purged_binlog_is_made_up_for_by_a_new_snapshot(
    trial: UnitTrial, server: Server, heal: Callable[[bool], None]
) -> None:
    binlog_purged.experiment(trial)
    assert trial.broken() == set()
    assert trial.outcome().keys() >= {"confirm.binlog_purged", "check.repeats_absorbed"}
    heal(False)
    _fails(trial, binlog_purged.experiment)


@pytest.mark.usefixtures("heal")
def test_a_binlog_that_was_not_purged_proves_nothing(trial: UnitTrial, server: Server) -> None:
    server.obeys = False
    binlog_purged.experiment(trial)
    assert trial.broken() == {"confirm.binlog_purged"}


@pytest.fixture
def causes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the source says is wrong with it."""
    causes = ["history_gone"]

    capture = SimpleNamespace(lose_history=lambda: None, examine=lambda: SimpleNamespace(cause=causes[-1]))
    monkeypatch.setattr(history_lost, "capture_of", lambda _: capture)
    return causes


@pytest.mark.usefixtures("server", "heal")
@pytest.mark.parametrize(
    ("reads", "publishes", "broken"), [(True, True, set()), (False, True, {"confirm.newer_reads"}), (True, False, None)]
)
def test_a_newer_capture_must_take_over(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, reads: bool, publishes: bool, broken: set[str] | None
) -> None:
    @contextmanager
    def running(_: Settings) -> Iterator[None]:
        trial.passes_on = publishes
        if publishes:
            trial.instance.pass_rows(trial.rows(), numbers_from=2000)
        yield
        trial.passes_on = False

    monkeypatch.setattr(other_capture, "running", running)
    monkeypatch.setattr(trial, "is_captured", lambda: reads)
    if broken is None:
        _fails(trial, capture_upgrade.experiment)
    else:
        capture_upgrade.experiment(trial)
        assert trial.broken() == broken
        assert trial.figures["absorbed"] > 0


@pytest.mark.usefixtures("server")
def test_a_lost_history_must_be_named_and_made_up_for(
    trial: UnitTrial, heal: Callable[[bool], None], causes: list[str]
) -> None:
    history_lost.experiment(trial)
    assert trial.broken() == set()
    causes.append("")
    history_lost.experiment(trial)
    assert trial.broken() == {"confirm.history_lost"}
    heal(False)
    _fails(trial, history_lost.experiment)


@pytest.fixture
def replace_server(trial: UnitTrial, server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`replace_server(id)`: at its next start the server takes this id, if its file is gone."""
    file = trial.settings.data / "mysql" / server_replaced.SERVER_ID_FILE
    file.parent.mkdir(parents=True)
    begin = server.execute

    def choose(new_id: str) -> None:
        file.touch()

        def execute(settings: Settings, *statements: str) -> list[tuple[Any, ...]]:
            if not file.exists():
                server.id = new_id
            return begin(settings, *statements)

        monkeypatch.setattr(mysql_server, "execute", execute)

    return choose


def test_another_server_must_be_noticed(
    trial: UnitTrial,
    heal: Callable[[bool], None],
    replace_server: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = ["second"]
    monkeypatch.setattr(healing, "read_server", lambda _: known[-1])
    replace_server("second")
    server_replaced.experiment(trial)
    assert trial.faults == [("killed", "database")]
    assert trial.broken() == set()
    replace_server("second")
    server_replaced.experiment(trial)  # it had that id before
    assert trial.broken() == {"confirm.server_replaced"}
    replace_server("third")
    _fails(trial, server_replaced.experiment)  # the watcher knows the second
    heal(False)
    replace_server("fourth")
    _fails(trial, server_replaced.experiment)


@pytest.mark.usefixtures("heal")
def test_a_foreign_statement_must_be_in_the_binlog_and_hold_up_nothing(trial: UnitTrial, server: Server) -> None:
    unparseable_ddl.experiment(trial)
    assert trial.broken() == set()
    assert server.statements[-len(unparseable_ddl.CLEANING) :] == list(unparseable_ddl.CLEANING)
    server.statements.clear()
    server.obeys = False
    unparseable_ddl.experiment(trial)
    assert trial.broken() == {"confirm.unparseable"}
    server.obeys = True
    trial.during_fault = lambda: setattr(trial, "passes_on", False)
    _fails(trial, unparseable_ddl.experiment)


@pytest.mark.usefixtures("heal")
def test_a_changed_table_loses_nothing_and_is_put_back(trial: UnitTrial, server: Server) -> None:
    schema_change.experiment(trial)
    assert trial.broken() == set()
    assert server.columns == {schema_change.TABLE: ["seq", "id"]}
    trial.during_fault = lambda: setattr(trial, "passes_on", False)
    _fails(trial, schema_change.experiment)
    assert server.columns == {schema_change.TABLE: ["seq", "id"]}


@pytest.mark.usefixtures("heal")
def test_a_table_that_was_not_changed_proves_nothing(trial: UnitTrial, server: Server) -> None:
    server.obeys = False
    schema_change.experiment(trial)
    assert [confirmation.ok for confirmation in trial.confirmations] == [False, True, False]


@pytest.mark.parametrize("at", ["column", "copy", "swapped"])
def test_wherever_a_change_ends_the_table_is_put_back(server: Server, at: str) -> None:
    settings = Settings()
    match at:
        case "column":
            server.execute(settings, f"ALTER TABLE {schema_change.TABLE} {schema_change.ADD}")
        case "copy":
            server.execute(settings, f"CREATE TABLE {schema_change.GHOST} LIKE {schema_change.TABLE}")
        case "swapped":
            schema_change.swap(settings, schema_change.ADD)
    schema_change.put_back(settings)
    assert server.columns == {schema_change.TABLE: ["seq", "id"]}


def test_an_older_binlog_must_be_noticed(
    trial: UnitTrial,
    server: Server,
    heal: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The position is behind the end of the binlog at first, and becomes one of another event."""
    end, removed = [("mysql-bin.000002", 800)], []

    def remove(data: Path, file: str) -> None:
        removed.append((data, file))
        end[-1] = (file, 157)

    def read_end(_: Settings) -> tuple[str, int]:
        file, place = end[-1]
        end[-1] = (file, place + 1000) if removed else end[-1]
        return file, place

    monkeypatch.setattr(mysql_server, "read_binlog_end", read_end)
    monkeypatch.setattr(mysql_server, "remove_binlogs_from", remove)
    older_binlog.experiment(trial)
    assert removed == [(trial.settings.data / "mysql", "mysql-bin.000002")]
    assert trial.faults == [("killed", "database")]
    assert trial.broken() == set()
    places = itertools.count(900)
    monkeypatch.setattr(mysql_server, "read_binlog_end", lambda _: ("mysql-bin.000003", next(places)))
    older_binlog.experiment(trial)  # nothing was removed
    assert trial.broken() == {"confirm.older_binlog"}
    heal(False)
    _fails(trial, older_binlog.experiment)
