"""Test the experiments about what a capture sees of the database, with a capture that sees it and one that does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete

from application.commissions import new_id
from db.tables import outbox_event
from domain.commands import Command, CommissionResult
from domain.outbox import OutboxRecord
from scenarios import properties
from scenarios.catalogue import delete_after_insert, long_transaction, outbox_truncated, unlogged_write, xa_rollback
from scenarios.prepared import Prepared
from scenarios.reconciliation import reconcile
from scenarios.repair import Repaired
from scenarios.waiting import TookTooLong
from settings import Settings
from tests.unit.trials import UnitTrial


def broken_properties(trial: UnitTrial) -> set[str]:
    trial.repair_audit_file()
    return {name for name, finding in properties.judge(trial.history()).items() if not finding.holds}


def delete_rows(trial: UnitTrial) -> set[str]:
    """Delete the outbox rows of the run and return their ids."""
    deleted = trial.committed()
    with trial.instance.engine.begin() as connection:
        connection.execute(delete(outbox_event).where(outbox_event.c.correlation_id == trial.run_id))
    return deleted


def hide(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, hidden: Callable[[OutboxRecord], bool]) -> None:
    """Let the capture skip some rows."""
    rows = trial.rows
    monkeypatch.setattr(trial, "rows", lambda: [row for row in rows() if not hidden(row)])


# Long transactions.


def held_since(trial: UnitTrial, *, at_first: bool) -> Any:
    """Return a stand-in of `held_open`: SQLite has one writer, so the row is there before the others, or after them."""

    @contextmanager
    def held_open(_trial: UnitTrial, command: Command) -> Iterator[Future[CommissionResult]]:
        future = Future[CommissionResult]()
        if at_first:
            future.set_result(trial._send(command))
        yield future
        if not at_first:
            future.set_result(trial._send(command))

    return held_open


def test_a_late_commit_is_published(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_transaction, "held_open", held_since(trial, at_first=True))
    long_transaction.experiment(trial)
    assert trial.broken() == set()
    assert broken_properties(trial) == set()


def test_a_late_commit_that_is_skipped_is_named(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_transaction, "held_open", held_since(trial, at_first=True))
    hide(trial, monkeypatch, lambda row: row.seq == 1)
    with pytest.raises(TookTooLong):
        long_transaction.experiment(trial)
    assert "published_what_was_committed" in broken_properties(trial)


def test_a_commit_with_the_highest_seq_proves_nothing(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_transaction, "held_open", held_since(trial, at_first=False))
    long_transaction.experiment(trial)
    assert trial.broken() == {"confirm.lower_seq_later"}


# Rows that are deleted.


@contextmanager
def deleting_after_capture(trial: UnitTrial) -> Iterator[Any]:
    yield trial.application
    trial.catch_up()
    delete_rows(trial)


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings with which rows were put back. SQLite copies nothing."""
    put_back: list[Settings] = []
    monkeypatch.setattr("scenarios.outbox_rows.make_copy_table", lambda _settings: None)
    monkeypatch.setattr("scenarios.outbox_rows.copy_rows", lambda *_: None)
    monkeypatch.setattr("scenarios.outbox_rows.put_rows_back", put_back.append)
    return put_back


def test_deleted_rows_that_were_captured_count_as_committed(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, copies: list[Settings]
) -> None:
    monkeypatch.setattr(delete_after_insert, "deleting_rows", lambda *_: deleting_after_capture(trial))
    delete_after_insert.experiment(trial)
    assert trial.broken() == set()
    assert broken_properties(trial) == set()
    trial.deletes_rows = False
    assert "nothing_uncommitted" in broken_properties(trial)  # of a run that deletes nothing
    trial.close()
    assert copies == [trial.settings]


def test_a_capture_that_polls_never_sees_a_row_that_is_deleted_at_once(
    trial: UnitTrial, copies: list[Settings]
) -> None:
    with pytest.raises(TookTooLong):
        delete_after_insert.experiment(trial)
    assert trial.broken() == {"check.deleted_published"}
    assert {"acknowledged_is_committed", "state_and_outbox_agree"} <= broken_properties(trial)
    trial.close()


@pytest.mark.parametrize("sees", [True, False])
def test_an_emptied_outbox_loses_what_was_not_captured(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, copies: list[Settings], sees: bool
) -> None:
    def delete_all(_settings: Settings, _statements: object, _run_id: str) -> set[str]:
        if sees:
            trial.catch_up()
        return delete_rows(trial)

    monkeypatch.setattr("scenarios.outbox_rows.delete_rows", delete_all)
    if sees:
        outbox_truncated.experiment(trial)
        assert trial.broken() == set()
        assert broken_properties(trial) == set()
    else:
        trial.passes_on = False
        with pytest.raises(TookTooLong):
            outbox_truncated.experiment(trial)
        assert "check.deleted_published" in trial.broken()
    trial.close()
    assert copies == [trial.settings]


def test_reconciliation_tells_a_deleted_row_from_a_phantom(trial: UnitTrial) -> None:
    committed = trial.calculate().event_ids
    (row,) = trial.rows()
    phantom = replace(row, id=new_id(), aggregate_id=new_id())
    later = replace(row, id=new_id(), aggregate_version=2)
    trial.instance.pass_rows([row, phantom, later])
    delete_rows(trial)
    reconciled = reconcile(trial.application, trial.settings, trial.run_id)
    assert reconciled.row_deleted == committed
    assert set(reconciled.never_committed) == {phantom.id, later.id}
    assert (reconciled.committed, reconciled.complete) == (1, False)


# Writes without a binlog.


def unlogged_ids(trial: UnitTrial) -> set[str]:
    return {
        operation_id
        for each in trial.operations.list_recorded()
        if each.client == "SQL"
        for operation_id in each.event_ids
    }


@pytest.mark.parametrize(
    ("missing_more", "again", "others", "expected"),
    [
        (0, 6, 0, set()),
        (1, 6, 0, {"check.missing_named"}),
        (0, 5, 0, {"check.repaired_exactly"}),
        (0, 6, 1, {"check.repaired_exactly"}),
    ],
)
def test_an_unlogged_write_is_named_and_repaired(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, missing_more: int, again: int, others: int, expected: set[str]
) -> None:
    rows = trial.rows

    def find_missing(_settings: Settings, _say: object) -> dict[int, str]:
        missing = sorted(unlogged_ids(trial))
        return dict(enumerate([*missing, *(["another"] * missing_more)]))

    def repair(_settings: Settings, _say: object) -> Repaired:
        trial.instance.pass_rows([row for row in rows() if row.id in unlogged_ids(trial)])
        return Repaired(6, again, others, {}, 0, True, 1.0)

    hide(trial, monkeypatch, lambda row: row.id in unlogged_ids(trial))
    monkeypatch.setattr(unlogged_write, "make_root_url", lambda settings, **_: settings.database_url)
    monkeypatch.setattr("scenarios.repair.find_missing_events", find_missing)
    monkeypatch.setattr("scenarios.repair.repair", repair)
    unlogged_write.experiment(trial)
    assert trial.broken() == expected
    assert broken_properties(trial) == set()


def test_a_write_that_was_captured_proves_nothing(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlogged_write, "make_root_url", lambda settings, **_: settings.database_url)
    monkeypatch.setattr("scenarios.repair.find_missing_events", lambda *_: {})
    monkeypatch.setattr("scenarios.repair.repair", lambda *_: Repaired(0, 0, 0, {}, 0, True, 1.0))
    unlogged_write.experiment(trial)
    assert "confirm.not_captured" in trial.broken()


# Transactions that are rolled back after the binlog has them.


class RolledBack:
    """A stand-in of `PreparedTransaction`, whose event the capture publishes or not."""

    def __init__(self, trial: UnitTrial, publishes: bool) -> None:
        self._trial, self._publishes = trial, publishes
        self.committed: list[Prepared] = []

    def prepare(self, template_id: str) -> Prepared:
        template = next(row for row in self._trial.rows() if row.aggregate_id == template_id)
        phantom = replace(template, id=new_id(), aggregate_id=new_id(), seq=1000)
        if self._publishes:
            self._trial.instance.pass_rows([phantom])
        return Prepared(phantom.id, phantom.seq, {})

    def roll_back(self) -> None: ...

    def close(self) -> None: ...

    def commit_after_all(self, prepared: Prepared) -> None:
        self.committed.append(prepared)


@pytest.mark.parametrize(("publishes", "expected"), [(True, set()), (False, {"confirm.phantom_published"})])
def test_a_phantom_of_a_rolled_back_transaction_is_named(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, publishes: bool, expected: set[str]
) -> None:
    transaction = RolledBack(trial, publishes)
    monkeypatch.setattr(xa_rollback, "PreparedTransaction", lambda _settings: transaction)
    xa_rollback.experiment(trial)
    assert trial.broken() == expected
    assert broken_properties(trial) == set()
    trial.rolled_back.clear()
    assert ("nothing_uncommitted" in broken_properties(trial)) is publishes  # in a run that does not expect it
    trial.close()
    assert len(transaction.committed) == 1


def test_a_phantom_that_looks_committed_fails(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xa_rollback, "PreparedTransaction", lambda _settings: RolledBack(trial, publishes=True))
    monkeypatch.setattr("scenarios.reconciliation.find_deleted_rows", lambda _application, _settings, ids: tuple(ids))
    xa_rollback.experiment(trial)
    assert trial.broken() == {"check.phantom_named"}
