"""Generate messages: commands on their topic; events and garbage on the topics that the notifications worker reads."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Literal

from connectors import envelope
from domain.changes.approve import CommissionApproved
from domain.outbox import OutboxRecord
from fuzzing import hostile
from fuzzing.inputs import COMMISSION, Message, Tag
from fuzzing.json_text import Members, RawJson, encode, parse
from fuzzing.mutations import mutate
from fuzzing.request_generator import calculation

_AT = datetime(2026, 1, 1)


def good_command(random: Random, tag: Tag) -> Message:
    body = Members([("command", "calculate"), *calculation(random, tag), ("correlationId", tag.correlation_id)])
    return Message(tag, "calculate", "commands", "commands", encode(body), good=True)


def hostile_command(random: Random, tag: Tag) -> Message:
    kind = random.randrange(10)
    if kind == 0:
        name, value = "garbage", hostile.garbage(random)
    elif kind < 3:
        commission = random.choice((COMMISSION, tag.aggregate_id))
        name, value = mutate(random, Members([("command", "approve"), ("commissionId", commission)]))
        name = f"approve:{name}"
    else:
        body = Members([("command", "calculate"), *calculation(random, tag)])
        if random.random() < 0.5:
            body.append(("correlationId", tag.correlation_id))
        if random.random() < 0.3:
            body.append(("traceparent", hostile.traceparent(random)))
        name, value = mutate(random, body)
        name = f"calculate:{name}"
    return Message(tag, name, "commands", "commands", value, _key(random, tag), _properties(random))


def hostile_event(random: Random, tag: Tag) -> Message:
    make = random.choice(
        (
            _garbage,
            _mutated_row,
            _mutated_row,
            _mutated_row,
            _mutated_envelope,
            _payload,
            _payload,
            _operation,
            _source,
            _valid_envelope,
        )
    )
    name, value = make(random, tag)
    topic: Literal["events", "retry"] = "retry" if random.random() < 0.15 else "events"
    return Message(tag, name, "messages", topic, value, _key(random, tag), _properties(random))


def valid_event(tag: Tag) -> Members:
    """Return the envelope of a valid event."""
    payload = Members(
        [
            ("commissionId", tag.aggregate_id),
            ("conversionId", tag.conversion_id),
            ("amount", "12.05"),
            ("currency", "USD"),
        ]
    )
    envelope_members = _template()
    after = envelope_members.first_value("after").with_member("seq", tag.number).with_member("id", tag.event_id)
    after = after.with_member("aggregate_id", tag.aggregate_id).with_member("correlation_id", tag.correlation_id)
    return envelope_members.with_member("after", after.with_member("payload", encode(payload).decode()))


@cache
def _template() -> Members:
    """Return an envelope as the capture writes it."""
    record = OutboxRecord(
        seq=1,
        id="",
        aggregate_type="commission",
        aggregate_id="",
        aggregate_version=2,
        type=CommissionApproved.type,
        version=CommissionApproved.version,
        payload="{}",
        correlation_id="",
        traceparent=None,
        occurred_at=_AT,
    )
    members: Members = parse(envelope.encode(record, int(_AT.replace(tzinfo=UTC).timestamp() * 1000))[1])
    return members


def _valid_envelope(random: Random, tag: Tag) -> tuple[str, bytes]:
    return "envelope", encode(valid_event(tag), escaped=random.random() < 0.5)


def _garbage(random: Random, _tag: Tag) -> tuple[str, bytes]:
    return "raw", hostile.garbage(random)


def _mutated_row(random: Random, tag: Tag) -> tuple[str, bytes]:
    """Return an envelope whose row has an invalid column, or too many or too few columns."""
    envelope_members = valid_event(tag)
    name, after = mutate(random, envelope_members.first_value("after"))
    before_row, _, after_row = encode(envelope_members.with_member("after", RawJson("@after@"))).partition(b"@after@")
    return f"after:{name}", before_row + after + after_row


def _mutated_envelope(random: Random, tag: Tag) -> tuple[str, bytes]:
    name, written = mutate(random, valid_event(tag))
    return f"envelope:{name}", written


def _payload(random: Random, tag: Tag) -> tuple[str, bytes]:
    """Return an event with a payload that is not JSON, or JSON that some database refuses."""
    payload_members: Members = Members([("commissionId", tag.aggregate_id), ("note", hostile.value(random))])
    if random.random() < 0.5:
        text = encode(payload_members, escaped=random.random() < 0.7)
    else:
        text = mutate(random, Members([*payload_members, ("amount", hostile.number(random))]))[1]
    envelope_members = valid_event(tag)
    after = envelope_members.first_value("after").with_member("payload", text.decode("utf-8", "replace"))
    return "payload", encode(envelope_members.with_member("after", after), escaped=random.random() < 0.7)


def _operation(random: Random, tag: Tag) -> tuple[str, bytes]:
    envelope_members = valid_event(tag)
    op = random.choice(("u", "d", "r", "t", "c", "m", "", None, 1, "C", ["c"]))
    match random.randrange(4):
        case 0:
            envelope_members = envelope_members.with_member(
                "before", envelope_members.first_value("after")
            ).with_member("after", None)
        case 1:
            envelope_members = envelope_members.without("after")
        case 2:
            envelope_members = envelope_members.with_member("before", envelope_members.first_value("after"))
    return f"op:{op}", encode(envelope_members.with_member("op", op))


def _source(random: Random, tag: Tag) -> tuple[str, bytes]:
    envelope_members = valid_event(tag)
    changed_member = random.choice(
        (("table", "commission"), ("table", None), ("db", "other"), ("name", "x"), ("snapshot", "last"), ("pos", -1))
    )
    changed = envelope_members.with_member(
        "source", envelope_members.first_value("source").with_member(*changed_member)
    )
    wrapped = Members([("schema", Members([("type", "struct")])), ("payload", changed)])
    chosen = random.choice(
        (
            changed,
            changed,
            wrapped,
            envelope_members.without("source"),
            envelope_members.with_member("source", hostile.value(random)),
        )
    )
    return "source", encode(chosen)


def _key(random: Random, tag: Tag) -> str | None:
    valid = base64.b64encode(json.dumps({"aggregate_id": tag.aggregate_id}).encode()).decode()
    kinds = (valid, valid, valid, valid, None, "", "%%%", valid[:-3], base64.b64encode(b"[1]").decode())
    return random.choice(kinds) if random.random() < 0.8 else hostile.text_for_client(random)[:4000]


def _properties(random: Random) -> tuple[tuple[str, str], ...]:
    if random.random() < 0.7:
        return ()
    names = ("alpes-reason", "alpes-message-id", "alpes-topic", "traceparent", "", "a" * 300)
    return tuple((random.choice(names), hostile.text_for_client(random)[:4000]) for _ in range(random.randrange(1, 4)))
