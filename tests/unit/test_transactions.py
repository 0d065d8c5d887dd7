"""Test the transactions of other applications, and how events whose outbox row is gone are told from phantoms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from scenarios.deleted_rows import find_deleted_rows
from scenarios.history.deleted import find_deleted
from scenarios.transactions import deleting_rows, held_open, send_pair
from scenarios.waiting import TookTooLong
from settings import Settings
from stacks.native.root import make_root_url
from tests.histories import example
from tests.unit.trials import UnitTrial


def test_a_held_transaction_shows_nothing_until_the_end_of_the_block(trial: UnitTrial) -> None:
    trial.patience_s = 5.0
    with held_open(trial, trial.next_command()) as future:
        assert trial.committed() == set()
        assert not future.done()
    assert trial.committed() == set(future.result().event_ids) == trial.acknowledged


def test_a_held_transaction_ends_also_when_the_block_fails(trial: UnitTrial) -> None:
    trial.patience_s = 5.0
    with pytest.raises(TookTooLong), held_open(trial, trial.next_command()):
        raise TookTooLong("it took too long")
    assert len(trial.committed()) == 1


def test_a_row_is_deleted_in_its_own_transaction_and_its_commission_stays(trial: UnitTrial) -> None:
    copied: list[str] = []
    with deleting_rows(
        trial.settings, trial.run_id, lambda _, correlation_id: copied.append(correlation_id)
    ) as application:
        send_pair(trial, application)
    assert len(trial.acknowledged) == 2
    assert trial.committed() == set()
    assert set(copied) == {trial.run_id}
    (state,) = trial.history().commissions
    assert (state.status, state.version) == ("APPROVED", 2)


def test_the_roots_url_goes_over_the_socket_and_sets_the_session(tmp_path: Path) -> None:
    admin = "mysql+pymysql://alpes_admin:s%40cret@127.0.0.1:3306/alpes"
    settings = Settings(stack="native", home=tmp_path, database_url=admin, database_admin_url=admin)
    url = make_url(make_root_url(settings, sql_log_bin=0))
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "root",
        "s@cret",
        "localhost",
        None,
        "alpes",
    )
    assert str(url.query["unix_socket"]).endswith("mysql.sock")
    assert url.query["init_command"] == "SET SESSION sql_log_bin = 0"
    assert "init_command" not in make_url(make_root_url(settings)).query


def test_a_deleted_row_is_what_its_commission_has_and_no_other_row() -> None:
    history = example()
    assert find_deleted(history) == ()
    row = history.outbox[0]
    (deleted,) = find_deleted(replace(history, outbox=history.outbox[1:]))
    assert (deleted.event_id, deleted.seq, deleted.contents) == (row.event_id, 0, row.contents)
    without_state = tuple(state for state in history.commissions if state.commission_id != row.contents.commission_id)
    assert find_deleted(replace(history, outbox=history.outbox[1:], commissions=without_state)) == ()
    assert find_deleted(replace(history, outbox=history.outbox[1:], pruned=frozenset({row.event_id}))) == ()


def test_an_event_that_no_source_knows_has_no_deleted_row(trial: UnitTrial) -> None:
    trial.calculate()
    trial.catch_up()
    assert find_deleted_rows(trial.application, trial.settings, ["unheard of", "\ud800"]) == ()
