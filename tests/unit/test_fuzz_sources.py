"""Test that the ledger is told what the sources show from now on: each once, and nothing that was there before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from db.tables import dead_letter, outbox_event
from domain.commands import CalculateCommission
from fuzzing.ledger import Ledger
from fuzzing.sources import Sources
from tests.builders import AT, delivery, record
from tests.instances import Instance


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    instance.settings.audit_file.touch()
    yield instance
    instance.close()


def calculate(instance: Instance, number: int) -> str:
    command = CalculateCommission(f"conv-{number}", "aff-1", "cmp-1", "120.50", "USD")
    return instance.send("run-1", command).event_ids[0]


def test_only_what_comes_after_the_beginning_is_read(instance: Instance) -> None:
    before = calculate(instance, 1)
    instance.pass_on()
    ledger = Ledger()
    sources = Sources(instance.settings, ledger)
    assert sources.read()
    assert ledger.event(before).missing_sources.count("not ") == 4
    after = calculate(instance, 2)
    assert sources.read()
    assert ledger.event(after).missing_sources == "not published, not notified, not audited"
    assert ledger.first_events["conv-2"] == after
    sources.close()


def test_an_event_that_is_everywhere_is_complete_with_equal_contents(instance: Instance) -> None:
    ledger = Ledger()
    sources = Sources(instance.settings, ledger)
    event_id = calculate(instance, 1)
    instance.pass_on()
    sources.read()
    trace = ledger.event(event_id)
    assert trace.complete
    assert trace.committed == trace.notified == trace.audited
    assert trace.conversion_id == "conv-1"
    sources.close()


def test_a_message_has_its_first_outcome_and_is_known_as_observed(instance: Instance) -> None:
    ledger = Ledger()
    sources = Sources(instance.settings, ledger)
    calculate(instance, 1)
    instance.pass_on()  # the last event is delivered twice
    sources.read()
    trace = ledger.message(instance.settings.topics.events, "(7,1,-1,-1)")
    assert (trace.outcome, trace.observed) == ("applied", True)
    sources.close()


def test_a_dead_letter_counts_for_its_message_and_its_event_and_on_its_topic(instance: Instance) -> None:
    ledger = Ledger()
    sources = Sources(instance.settings, ledger)
    topics = instance.settings.topics
    values = {"payload": b"x", "properties": {}, "attempts": 1, "dead_lettered_at": AT, "publish_us": 1}
    named = {"topic": topics.events, "message_id": "(1,1)", "event_id": "e-1", "reason": "bad_payload", "detail": "d"}
    instance.insert(dead_letter, {**values, **named})
    properties = {"alpes-topic": topics.events, "alpes-message-id": "(1,1)"}
    instance.observe([replace(delivery(b"x", 9, topics.dead_letter), properties=properties)])
    sources.read()
    trace = ledger.message(topics.events, "(1,1)")
    assert (trace.dead_reason, trace.dead_detail, trace.on_dead_letter_topic) == ("bad_payload", "d", True)
    assert ledger.event("e-1").dead_reason == "bad_payload"
    sources.close()


def test_a_row_that_is_no_text_is_read_as_the_capture_will_see_it(instance: Instance) -> None:
    ledger = Ledger()
    sources = Sources(instance.settings, ledger)
    event = record(1, id="e-1")
    values = {name: getattr(event, name) for name in event.__slots__} | {"payload": {}}
    with instance.engine.begin() as connection:
        connection.execute(insert(outbox_event).values(**values))
        connection.execute(text("UPDATE outbox_event SET correlation_id = CAST(x'616263c3' AS TEXT), payload = '[1'"))
    assert sources.read()
    assert "abc\ufffd" in (ledger.event("e-1").committed or "")
    sources.close()


def test_a_line_is_read_when_it_is_whole_and_a_rewritten_file_from_its_start(instance: Instance) -> None:
    ledger = Ledger()
    sources = Sources(instance.settings, ledger)
    event_id = calculate(instance, 1)
    instance.pass_on()
    file = instance.settings.audit_file
    line = file.read_bytes()
    file.write_bytes(b"no line of ours\n" + line[:-5])
    sources.read()
    assert ledger.event(event_id).audited is None
    with file.open("ab") as end:
        end.write(line[-5:])
    sources.read()
    assert ledger.event(event_id).audited is not None
    sources.close()


def test_a_database_that_does_not_answer_is_said_and_read_later(instance: Instance) -> None:
    ledger = Ledger()
    sources = Sources(instance.settings, ledger)
    event_id = calculate(instance, 1)
    with instance.engine.begin() as connection:
        connection.execute(text("ALTER TABLE notification RENAME TO away"))
    assert not sources.read()
    with instance.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO notification"))
    assert sources.read()
    assert ledger.event(event_id).committed is not None
    sources.close()
