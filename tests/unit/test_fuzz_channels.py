"""Test what each channel's generator makes: good inputs that the product accepts, and hostile ones of every kind."""

from __future__ import annotations

import json
from collections import Counter
from random import Random

import pytest

from connectors import envelope
from connectors.envelope import Inserted
from db.tables import outbox_event
from domain.changes.approve import CommissionApproved
from domain.contract import check_identifier
from fuzzing import message_generator, request_generator, row_generator
from fuzzing.inputs import COMMISSION, Message, Request, Row, Tag
from fuzzing.json_text import encode
from workers.command_message import parse

TAGS = [Tag("0a0b0c0d", number) for number in range(400)]


def requests() -> list[Request]:
    return [request_generator.hostile_request(Random(tag.number), tag) for tag in TAGS]


def events() -> list[Message]:
    return [message_generator.hostile_event(Random(tag.number), tag) for tag in TAGS]


def test_the_ids_of_good_inputs_are_ids_of_the_contract() -> None:
    for tag in TAGS[:5]:
        for text in (tag.conversion_id, tag.correlation_id, tag.event_id, tag.aggregate_id):
            check_identifier(text)
        assert len(tag.event_id) == len(tag.aggregate_id) == 36


def test_a_good_request_calculates_or_approves_what_exists() -> None:
    made = [request_generator.good_request(Random(tag.number), tag) for tag in TAGS]
    kinds = Counter(request.kind for request in made)
    assert kinds.keys() == {"calculate", "approve"}
    assert kinds["calculate"] > kinds["approve"] > 0
    for request in made:
        body = json.loads(request.body)
        assert request.good
        if request.kind == "approve":
            assert (body, request.target) == ({"commissionId": COMMISSION}, request_generator.APPROVE)
        else:
            assert body["conversionId"] == request.tag.conversion_id
            assert (b"X-Correlation-Id", request.tag.correlation_id.encode()) in request.headers


def test_no_hostile_request_of_a_path_repeats_a_good_command() -> None:
    """Else a commission would exist for an input that was expected to be refused."""
    for request in requests():
        if request.kind == "path":
            assert not (request.body and request.target in (request_generator.CALCULATE, request_generator.APPROVE))


def test_a_header_never_breaks_the_framing_and_a_malformed_request_does() -> None:
    for request in requests():
        if request.kind.startswith("header:"):
            assert all(not set(b"\r\n\x00") & set(name + value) for name, value in request.headers)
        assert (request.raw is not None) == (request.kind == "malformed")


def test_a_good_command_is_one_that_the_worker_reads() -> None:
    for tag in TAGS[:20]:
        message = message_generator.good_command(Random(tag.number), tag)
        command = parse(message.value)
        assert getattr(command, "conversion_id", None) == tag.conversion_id
        assert getattr(command, "correlation_id", None) == tag.correlation_id


def test_a_valid_event_is_one_that_the_workers_read() -> None:
    tag = TAGS[3]
    decoded = envelope.decode(encode(message_generator.valid_event(tag)))
    assert isinstance(decoded, Inserted)
    record = decoded.record
    assert (record.id, record.aggregate_id, record.correlation_id) == (
        tag.event_id,
        tag.aggregate_id,
        tag.correlation_id,
    )
    assert (record.type, record.version) == (CommissionApproved.type, CommissionApproved.version)
    assert json.loads(record.payload)["conversionId"] == tag.conversion_id


def test_hostile_events_are_mostly_but_not_all_unreadable() -> None:
    """Valid envelopes are among them: an event without a committed row is hostile too."""
    decoded = Counter(type(envelope.decode(message.value)).__name__ for message in events())
    assert decoded.keys() == {"Inserted", "Skipped", "Unreadable"}
    assert decoded["Unreadable"] > decoded["Inserted"] > 0


def test_a_hostile_row_differs_from_a_good_one_and_keeps_an_id_unless_the_id_is_what_is_wrong() -> None:
    names = {column.name for column in outbox_event.columns} - {"seq"}
    for tag in TAGS:
        row: Row = row_generator.hostile_row(Random(tag.number), tag)
        values = dict(row.values)
        assert values.keys() <= names
        assert row_generator.OMITTED not in values.values()
        if "id" not in row.kind.split("+"):
            assert values["id"] == tag.event_id
        if "left_out" in row.kind:
            assert len(values) < len(names)


def test_a_good_row_has_every_column_and_a_payload_that_names_its_conversion() -> None:
    row = row_generator.good_row(Random(1), TAGS[1])
    values = dict(row.values)
    assert values.keys() == {column.name for column in outbox_event.columns} - {"seq"}
    assert json.loads(values["payload"])["conversionId"] == TAGS[1].conversion_id


@pytest.mark.parametrize("column", ["aggregate_version", "occurred_at", "payload", "traceparent"])
def test_every_column_is_attacked(column: str) -> None:
    good = dict(row_generator.good_row(Random(0), TAGS[0]).values)
    changed = [dict(row_generator.hostile_row(Random(tag.number), TAGS[0]).values).get(column) for tag in TAGS]
    assert sum(value != good[column] for value in changed) > 10
