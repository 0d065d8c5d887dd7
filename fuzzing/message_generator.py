"""Messages: commands on their topic, and events, enveloped and raw, on the topics that the notifications worker reads."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Literal

from connectors import envelope
from domain.outbox import OutboxRecord
from fuzzing import hostile
from fuzzing.inputs import COMMISSION, Message, Tag
from fuzzing.json_text import Members, Written, encode, parse
from fuzzing.mutations import mutated
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
        name, value = mutated(random, Members([("command", "approve"), ("commissionId", commission)]))
        name = f"approve:{name}"
    else:
        body = Members([("command", "calculate"), *calculation(random, tag)])
        if random.random() < 0.5:
            body.append(("correlationId", tag.correlation_id))
        if random.random() < 0.3:
            body.append(("traceparent", hostile.traceparent(random)))
        name, value = mutated(random, body)
        name = f"calculate:{name}"
    return Message(tag, name, "commands", "commands", value, _key(random, tag), _properties(random))


def hostile_event(random: Random, tag: Tag) -> Message:
    make = random.choice((_garbage, _after, _after, _after, _around, _payload, _payload, _operation, _source, _whole))
    name, value = make(random, tag)
    topic: Literal["events", "retry"] = "retry" if random.random() < 0.15 else "events"
    return Message(tag, name, "messages", topic, value, _key(random, tag), _properties(random))


def event(tag: Tag) -> Members:
    """The envelope of an event that is in order."""
    own = Members(
        [
            ("commissionId", tag.aggregate_id),
            ("conversionId", tag.conversion_id),
            ("amount", "12.05"),
            ("currency", "USD"),
        ]
    )
    whole = _template()
    after = whole.of("after").changed("seq", tag.number).changed("id", tag.event_id)
    after = after.changed("aggregate_id", tag.aggregate_id).changed("correlation_id", tag.correlation_id)
    return whole.changed("after", after.changed("payload", encode(own).decode()))


@cache
def _template() -> Members:
    """As capture writes it."""
    record = OutboxRecord(
        seq=1,
        id="",
        aggregate_type="commission",
        aggregate_id="",
        aggregate_version=2,
        type="CommissionApproved",
        version=1,
        payload="{}",
        correlation_id="",
        traceparent=None,
        occurred_at=_AT,
    )
    written: Members = parse(envelope.encode(record, int(_AT.replace(tzinfo=UTC).timestamp() * 1000))[1])
    return written


def _whole(random: Random, tag: Tag) -> tuple[str, bytes]:
    return "envelope", encode(event(tag), escaped=random.random() < 0.5)


def _garbage(random: Random, _tag: Tag) -> tuple[str, bytes]:
    return "raw", hostile.garbage(random)


def _after(random: Random, tag: Tag) -> tuple[str, bytes]:
    """A row with a column that does not fit, or with columns too many or too few."""
    whole = event(tag)
    name, after = mutated(random, whole.of("after"))
    before, _, behind = encode(whole.changed("after", Written("@after@"))).partition(b"@after@")
    return f"after:{name}", before + after + behind


def _around(random: Random, tag: Tag) -> tuple[str, bytes]:
    name, written = mutated(random, event(tag))
    return f"envelope:{name}", written


def _payload(random: Random, tag: Tag) -> tuple[str, bytes]:
    """A payload that is no JSON, or JSON that some database does not take."""
    own: Members = Members([("commissionId", tag.aggregate_id), ("note", hostile.value(random))])
    if random.random() < 0.5:
        text = encode(own, escaped=random.random() < 0.7)
    else:
        text = mutated(random, Members([*own, ("amount", hostile.number(random))]))[1]
    whole = event(tag)
    after = whole.of("after").changed("payload", text.decode("utf-8", "replace"))
    return "payload", encode(whole.changed("after", after), escaped=random.random() < 0.7)


def _operation(random: Random, tag: Tag) -> tuple[str, bytes]:
    whole = event(tag)
    op = random.choice(("u", "d", "r", "t", "c", "m", "", None, 1, "C", ["c"]))
    match random.randrange(4):
        case 0:
            whole = whole.changed("before", whole.of("after")).changed("after", None)
        case 1:
            whole = whole.without("after")
        case 2:
            whole = whole.changed("before", whole.of("after"))
    return f"op:{op}", encode(whole.changed("op", op))


def _source(random: Random, tag: Tag) -> tuple[str, bytes]:
    whole = event(tag)
    other = random.choice(
        (("table", "commission"), ("table", None), ("db", "other"), ("name", "x"), ("snapshot", "last"), ("pos", -1))
    )
    changed = whole.changed("source", whole.of("source").changed(*other))
    wrapped = Members([("schema", Members([("type", "struct")])), ("payload", changed)])
    alone = random.choice(
        (changed, changed, wrapped, whole.without("source"), whole.changed("source", hostile.value(random)))
    )
    return "source", encode(alone)


def _key(random: Random, tag: Tag) -> str | None:
    right = base64.b64encode(json.dumps({"aggregate_id": tag.aggregate_id}).encode()).decode()
    kinds = (right, right, right, right, None, "", "%%%", right[:-3], base64.b64encode(b"[1]").decode())
    return random.choice(kinds) if random.random() < 0.8 else hostile.text_for_client(random)[:4000]


def _properties(random: Random) -> tuple[tuple[str, str], ...]:
    if random.random() < 0.7:
        return ()
    names = ("alpes-reason", "alpes-message-id", "alpes-topic", "traceparent", "", "a" * 300)
    return tuple((random.choice(names), hostile.text_for_client(random)[:4000]) for _ in range(random.randrange(1, 4)))
