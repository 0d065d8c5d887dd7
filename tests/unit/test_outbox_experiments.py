"""Test the experiments about the outbox, repeated commands, the audit file and backpressure, as `test_scenario_experiments` does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from application import crash_points
from db import queries
from db.outbox import OutboxFeed
from domain.commands import ApproveCommission, Command
from domain.errors import DuplicateConversion
from domain.outbox import OutboxRecord
from scenarios.catalogue import (
    atomicity,
    audit,
    backpressure,
    dual_write,
    duplicate_command,
    eventual_consistency,
    kill_worker,
    oversized_row,
)
from scenarios.waiting import TookTooLong
from stacks import health
from tests.unit.trials import UnitTrial


@pytest.mark.parametrize(("lost", "expected"), [(3, set()), (0, {"check.naive_loses"})])
def test_dual_write_must_show_a_loss(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, lost: int, expected: set[str]
) -> None:
    ids = [f"event-{n}" for n in range(lost)]
    naive = SimpleNamespace(committed=9, errors=1, wait_for_more=lambda _: None, catch_up=lambda: None)
    monkeypatch.setattr(dual_write, "NaiveLoad", lambda *_: nullcontext(naive))
    monkeypatch.setattr(dual_write, "find_lost", lambda _: ids)
    monkeypatch.setattr(trial, "broker_answers", lambda: False)
    dual_write.experiment(trial)
    assert trial.broken() == expected
    assert trial.figures == {
        "naive_committed": 9,
        "naive_lost": lost,
        "naive_errors": 1,
        "naive_lost_ids": ids,
    }


class Listener:
    """Receives every event of the run when it is asked for what it received; `early`: before the row is visible."""

    early = False

    def __init__(self, trial: UnitTrial, visible: Callable[[str], bool]) -> None:
        self.trial, self.visible = trial, visible

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None: ...

    @property
    def received(self) -> dict[str, bool]:
        return {event_id: self.visible(event_id) and not self.early for event_id in self.trial.published()}


@pytest.mark.parametrize(("early", "expected"), [(False, set()), (True, {"check.row_visible"})])
def test_eventual_consistency_rolls_back_and_finds_a_message_without_its_row(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, early: bool, expected: set[str]
) -> None:
    monkeypatch.setattr(eventual_consistency, "COMMITTED", 4)
    monkeypatch.setattr(Listener, "early", early)
    monkeypatch.setattr(eventual_consistency, "Listener", lambda _s, _run, visible, _failed: Listener(trial, visible))
    eventual_consistency.experiment(trial)
    assert trial.broken() == expected
    assert trial.figures["rolled_back"] == 2
    assert len(trial.committed()) == 8
    refused = [operation for operation in trial.operations.list_recorded() if operation.outcome == "refused"]
    assert len(refused) == 4  # a calculation and an approval for each rollback


def post_in_process(trial: UnitTrial) -> Callable[[Any, Command], httpx.Response]:
    """Answer as the API does."""
    lock = threading.Lock()

    def post(_api: object, command: Command) -> httpx.Response:
        with lock:
            try:
                with trial.operations.invoked("HTTP", command) as answer:
                    result = trial.application.send(command)
                    answer.acknowledge(result.event_ids)
            except DuplicateConversion:
                return httpx.Response(409)
        status = 201 if result.status == "CALCULATED" else 200
        return httpx.Response(status, json={"commissionId": result.commission_id, "changed": result.changed})

    return post


def show_in_process(trial: UnitTrial, conversion_id: str) -> httpx.Response:
    """Answer the query of a commission as the API does."""
    with trial.application.reading() as connection:
        row = queries.commission_by_conversion(connection, conversion_id)
    return httpx.Response(404) if row is None else httpx.Response(200, json={"status": row.status})


@pytest.fixture
def served(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> UnitTrial:
    api = SimpleNamespace(get=lambda path: show_in_process(trial, path.rpartition("/")[2]))
    monkeypatch.setattr(trial, "api", lambda timeout_s=0: nullcontext(api))
    monkeypatch.setattr(trial, "post", post_in_process(trial))
    monkeypatch.setattr(health, "check", lambda *_: [])
    return trial


def test_duplicate_command_counts_every_answer(served: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicate_command, "ROUNDS", 2)
    monkeypatch.setattr(duplicate_command, "AT_ONCE", 3)
    duplicate_command.experiment(served)
    assert served.broken() == set()
    assert served.figures["answers"] == {
        "created": 2,
        "refused": 4,
        "approved": 2,
        "unchanged": 4,
        "shown": 2,
    }


def test_duplicate_command_fails_on_a_second_commission(served: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicate_command, "ROUNDS", 1)
    monkeypatch.setattr(duplicate_command, "AT_ONCE", 2)
    body = {"commissionId": "c", "changed": True}

    def post(_api: object, command: Command) -> httpx.Response:
        return httpx.Response(200 if isinstance(command, ApproveCommission) else 201, json=body)

    monkeypatch.setattr(served, "post", post)
    duplicate_command.experiment(served)
    assert {"check.one_commission", "check.one_approval", "check.two_events"} <= served.broken()


def test_atomicity_asks_for_real_crash_points() -> None:
    assert set(atomicity.POINTS) <= set(crash_points.POINTS)


@pytest.mark.parametrize(
    ("committed_at", "expected"),
    [
        ({"command.committed"}, set()),
        ({"command.committed", "command.outbox_written"}, {"check.neither_row", "check.completes_when_repeated"}),
        (set(), {"check.both_rows", "check.completes_when_repeated"}),
    ],
)
def test_atomicity_finds_rows_where_there_must_be_none_and_the_reverse(
    served: UnitTrial, monkeypatch: pytest.MonkeyPatch, committed_at: set[str], expected: set[str]
) -> None:
    def crash(_part: str, point: str, provoke: Callable[[], None]) -> bool:
        if point in committed_at:
            provoke()
        return True

    monkeypatch.setattr(served, "crash", crash)
    results: dict[str, bool] = {}
    check = served.check

    def keep_worst(name: Any, ok: bool, detail: Any = None) -> None:
        results[name.code] = results.get(name.code, True) and ok
        check(name, ok, detail)

    monkeypatch.setattr(served, "check", keep_worst)
    atomicity.experiment(served)
    assert {code for code, ok in results.items() if not ok} == expected


@pytest.mark.parametrize(("slowed_ms", "expected"), [(1.0, set()), (500.0, {"check.commands_not_slowed"})])
def test_backpressure_fails_when_a_slow_worker_slows_commands(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, slowed_ms: float, expected: set[str]
) -> None:
    monkeypatch.setattr(backpressure, "BURST", 20)
    trial.during_fault = lambda: setattr(trial, "command_ms", slowed_ms)
    backpressure.experiment(trial)
    assert trial.broken() == expected
    assert trial.figures["peak_backlog"] > 2


def test_audit_damages_the_file_and_waits_for_its_repair(trial: UnitTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = trial.wait

    def repair_and_wait(*asked: Any) -> None:
        trial.catch_up()
        trial.repair_audit_file()
        wait(*asked)

    monkeypatch.setattr(trial, "wait", repair_and_wait)
    audit.experiment(trial)
    assert trial.broken() == set()
    assert trial.faults == [("audit.half_appended", "audit")]


@pytest.mark.parametrize("damage", [audit.cut_file, audit._change_amount, audit._delete_file])
def test_audit_does_not_take_a_damaged_file_for_a_repaired_one(trial: UnitTrial, damage: Callable[[Path], int]) -> None:
    with trial.load():
        trial.catch_up()
    notified = trial.notified()
    assert audit._file_equals_notifications(trial, notified)
    assert damage(trial.settings.audit_file) > 0
    assert not audit._file_equals_notifications(trial, notified)


def test_an_experiment_ends_when_what_it_waits_for_does_not_come(trial: UnitTrial) -> None:
    trial.passes_on = False
    with pytest.raises(TookTooLong):
        kill_worker.experiment(trial)


@pytest.mark.parametrize(("parks", "expected"), [(True, set()), (False, {"check.big_row_dead_lettered"})])
def test_an_oversized_row_must_become_a_dead_letter(
    trial: UnitTrial, monkeypatch: pytest.MonkeyPatch, parks: bool, expected: set[str]
) -> None:
    monkeypatch.setattr(oversized_row, "ROW_BYTES", 3000)
    read, catch_up = trial.rows, trial.catch_up

    def is_big(row: OutboxRecord) -> bool:
        return row.correlation_id.startswith("big-row-")

    def park_and_catch_up() -> None:
        feed = OutboxFeed(trial.instance.engine)
        for row in filter(is_big, read() if parks else ()):
            feed.park(row.seq, "unpublishable", "too large")
        feed.close()
        catch_up()

    monkeypatch.setattr(trial, "rows", lambda: [row for row in read() if not is_big(row)])
    monkeypatch.setattr(trial, "catch_up", park_and_catch_up)
    monkeypatch.setattr(trial, "wait_until_healthy", lambda *_: None)
    oversized_row.experiment(trial)
    assert trial.broken() == expected
    letters = [letter for letter in trial.dead_letters() if letter.reason == "unpublishable"]
    assert [letter.discard_note for letter in letters] == [oversized_row.NOTE] * parks
