"""Test that the history of a run is read from every source, whole, without another run's records, and judged sound."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event, insert, select, update

from db.tables import dead_letter, outbox_event
from domain.clock import utc_now
from domain.commands import ApproveCommission, CalculateCommission
from domain.errors import DuplicateConversion
from scenarios import properties
from scenarios.history import History, reading
from scenarios.history.operations import OperationLog
from scenarios.history.reading import Beginning
from tests.builders import delivery, record
from tests.instances import Instance


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    made = Instance(tmp_path)
    yield made
    made.close()


@pytest.fixture
def run_id(instance: Instance) -> str:
    """Of a run of two commands, beside another run of the same; one command is refused."""
    runs = [str(uuid.uuid4()) for _ in range(2)]
    for run in runs:
        calculated = instance.send(run, CalculateCommission(f"{run}-1", "a", "k", "120.50", "USD"))
        instance.send(run, ApproveCommission(calculated.commission_id))
        with pytest.raises(DuplicateConversion):
            instance.send(run, CalculateCommission(f"{run}-1", "a", "k", "120.50", "USD"))
    instance.pass_on()
    return runs[1]


def broken(history: History) -> set[str]:
    return {name for name, finding in properties.judge(history).items() if not finding.holds}


def test_every_source_is_read_and_a_sound_run_is_found_sound(instance: Instance, run_id: str) -> None:
    history = instance.history(run_id)
    assert broken(history) == set()
    assert [(each.command, each.outcome) for each in history.operations] == [
        ("calculate", "acknowledged"),
        ("approve", "acknowledged"),
        ("calculate", "refused"),
    ]
    assert [row.contents.aggregate_version for row in history.outbox] == [1, 2]
    assert [row.contents for row in history.outbox] == [each.contents for each in history.messages]
    assert [row.contents for row in history.outbox] == [each.contents for each in history.notifications]
    assert [row.contents for row in history.outbox] == [line.contents for line in history.audit_lines]
    assert [each.key for each in history.messages] == [history.commissions[0].commission_id] * 2
    assert [each.outcome for each in history.deliveries] == ["applied", "applied", "duplicate"]
    assert [each.visible_us for each in history.notifications] == [row.seq for row in history.outbox]
    assert (
        history.published_ids
        == history.committed.keys()
        == set(history.operations[0].event_ids) | set(history.operations[1].event_ids)
    )
    assert history.commissions[0].status == "APPROVED"


def test_equal_contents_of_several_sources_are_one_object(instance: Instance, run_id: str) -> None:
    history = instance.history(run_id)
    sources = (history.outbox, history.messages, history.notifications, history.audit_lines)
    assert len({id(each.contents) for source in sources for each in source}) == 2


def test_a_defect_of_each_source_is_found_in_what_was_read(instance: Instance, run_id: str) -> None:
    text = instance.settings.audit_file.read_text(encoding="utf-8").splitlines(keepends=True)
    instance.settings.audit_file.write_text("".join(text[:-1]), encoding="utf-8")
    assert broken(instance.history(run_id)) == {"audit_equals_notifications"}
    instance.observe([delivery(record(99, correlation_id=run_id), 99, instance.settings.topics.events)])
    assert "nothing_uncommitted" in broken(instance.history(run_id))
    with instance.engine.begin() as connection:
        ids = select(outbox_event.c.id).where(outbox_event.c.correlation_id == run_id).limit(1)
        connection.execute(update(outbox_event).where(outbox_event.c.id.in_(ids)).values(payload={"amount": "0.00"}))
    assert {"contents_unchanged", "state_and_outbox_agree"} <= broken(instance.history(run_id))


def test_dead_letters_are_those_of_the_run_that_came_during_it(instance: Instance, run_id: str) -> None:
    before, _own, other = (_dead_letter(instance, text) for text in (f"old {run_id}", f"garbage {run_id}", "other"))
    beginning = Beginning(before, instance.store.read_last_n())
    began = reading.read_beginning(instance.application, instance.settings)
    assert (began.dead_letter, began.observed) == (other, instance.store.read_last_n())
    topic = instance.settings.topics.dead_letter
    number = {"alpes-dead-letter": str(before + 1), "alpes-reason": "not_an_envelope"}
    instance.observe(
        [
            replace(delivery(f"garbage {run_id}".encode(), 1, topic), properties=number),
            delivery(b"other", 2, topic),
        ]
    )
    history = instance.history(run_id, beginning)
    assert [letter.seq for letter in history.dead_letters] == [before + 1]
    assert [letter.number for letter in history.dead_letter_messages] == [before + 1]
    assert broken(history) == {"no_dead_letter"}


def test_no_query_reads_a_whole_table(instance: Instance, run_id: str) -> None:
    statements: list[tuple[str, Any]] = []
    event.listen(
        instance.application.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, parameters, _context, _many: statements.append((statement, parameters)),
    )
    instance.history(run_id)
    assert len(statements) > 8
    with closing(sqlite3.connect(instance.settings.data / "alpes.db")) as database:
        plans = [
            f"{step[3]}: {statement}"
            for statement, parameters in statements
            if statement.startswith("SELECT")
            for step in database.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    scans = [plan for plan in plans if plan.startswith("SCAN") and "LIMIT" not in plan]
    assert scans == []
    assert any(plan.startswith("SEARCH") for plan in plans)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (httpx.Response(201, json={"eventIds": ["e"]}), "acknowledged"),
        (httpx.Response(409), "refused"),
        (httpx.Response(503), "unknown"),
    ],
)
def test_what_the_api_answered_is_recorded(answer: httpx.Response, outcome: str) -> None:
    log = OperationLog()
    with log.invoked("HTTP", ApproveCommission("c-1")) as recorded:
        recorded.read(answer)
    (operation,) = log.list_recorded()
    assert (operation.outcome, operation.target) == (outcome, "c-1")
    assert operation.invoked_us <= operation.answered_us
    assert log.acknowledged_ids() == ({"e"} if outcome == "acknowledged" else set())


def test_a_command_without_an_answer_is_unknown() -> None:
    log = OperationLog()
    with pytest.raises(httpx.ReadError), log.invoked("HTTP", ApproveCommission("c-1")):
        raise httpx.ReadError("the API died")
    assert [each.outcome for each in log.list_recorded()] == ["unknown"]


def _dead_letter(instance: Instance, body: str) -> int:
    values = {
        "topic": "events",
        "message_id": str(uuid.uuid4()),
        "payload": body.encode(),
        "properties": {},
        "reason": "not_an_envelope",
        "detail": "why",
        "attempts": 1,
        "dead_lettered_at": utc_now(),
    }
    with instance.engine.begin() as connection:
        inserted = connection.execute(insert(dead_letter).values(values)).inserted_primary_key
    assert inserted is not None
    return int(inserted.seq)
