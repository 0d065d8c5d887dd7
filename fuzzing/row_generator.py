"""Generate rows of `outbox_event` as a foreign program may insert them: SQLite stores any type in any column."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from domain.changes.approve import CommissionApproved
from fuzzing import hostile
from fuzzing.inputs import Row, Tag, Undecodable
from fuzzing.json_text import Members, encode
from fuzzing.mutations import mutate

Values = dict[str, Any]
OMITTED = object()
"""Used as a value: the column is left out of the statement."""


def good_row(random: Random, tag: Tag) -> Row:
    return Row(tag, "row", tuple(_valid_values(random, tag).items()), good=True)


def hostile_row(random: Random, tag: Tag) -> Row:
    values = _valid_values(random, tag)
    changes: Values = {}
    names = []
    for _ in range(random.choice((1, 1, 1, 2))):
        ((name, change, _),) = random.choices(_CHANGES, [weight for *_, weight in _CHANGES])
        changes |= change(random, values)
        names.append(name)
    columns = {name: value for name, value in (values | changes).items() if value is not OMITTED}
    return Row(tag, "+".join(names), tuple(columns.items()))


def _valid_values(random: Random, tag: Tag) -> Values:
    payload = {
        "commissionId": tag.aggregate_id,
        "conversionId": tag.conversion_id,
        "amount": "12.05",
        "currency": "USD",
    }
    return {
        "id": tag.event_id,
        "aggregate_type": "commission",
        "aggregate_id": tag.aggregate_id,
        "aggregate_version": 2,
        "type": CommissionApproved.type,
        "version": CommissionApproved.version,
        "payload": json.dumps(payload),
        "correlation_id": tag.correlation_id,
        "traceparent": None,
        "occurred_at": f"2026-01-01 00:00:00.{random.randrange(10**6):06d}",
    }


def _any_column(random: Random, values: Values) -> Values:
    return {random.choice([name for name in values if name != "id"]): _column_value(random)}


def _column_value(random: Random) -> Any:
    kind = random.randrange(6)
    if kind < 3:
        return hostile.text_for_client(random)[:200_000]
    if kind == 3:
        return random.choice((None, 0, -1, 2**63 - 1, -(2**63), 1.5, 1e308, True))
    return random.randbytes(random.choice((0, 1, 16, 300)))


def _id(random: Random, values: Values) -> Values:
    event_id = values["id"]
    return {
        "id": random.choice(
            (
                event_id[:-14] + "é💥" + event_id[-12:],
                event_id * 3,
                event_id.encode(),
                event_id + " ",
                event_id.upper() + "\x00",
            )
        )
    }


def _payload(random: Random, values: Values) -> Values:
    members = Members([("commissionId", values["aggregate_id"]), ("note", hostile.value(random))])
    encoded = encode(members) if random.random() < 0.5 else mutate(random, members)[1]
    return {"payload": encoded if random.random() < 0.3 else encoded.decode("utf-8", "replace")}


def _huge_payload(random: Random, values: Values) -> Values:
    lengths = (999_000, 1_000_100, 1_100_000, 5_300_000, 6_000_000)
    return {"payload": json.dumps({"commissionId": values["aggregate_id"], "note": "x" * random.choice(lengths)})}


def _date(random: Random, _values: Values) -> Values:
    limits = ("0000-00-00 00:00:00", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2026-02-30 00:00:00")
    malformed = ("yesterday", "", 0, -1, 1.5, 2**62, "2026-01-01T00:00:00+05:00", b"2026", "2026-01-01")
    return {"occurred_at": random.choice(limits + malformed)}


def _number(random: Random, _values: Values) -> Values:
    name = random.choice(("aggregate_version", "version"))
    numbers = (0, -1, 2**31 - 1, 2**31, 2**63 - 1, -(2**63), 1.5, "2", "two", "", b"\x02", 1e300, True)
    return {name: random.choice(numbers)}


def _traceparent(random: Random, _values: Values) -> Values:
    hostile_context = hostile.traceparent(random).encode("utf-8", "replace").decode()
    return {"traceparent": hostile.text_for_client(random) if random.random() < 0.3 else hostile_context}


def _undecodable(random: Random, _values: Values) -> Values:
    names = ("aggregate_type", "aggregate_id", "type", "payload", "correlation_id", "traceparent", "occurred_at")
    return {random.choice(names): Undecodable(random.choice((b"\xff\xfe", b"\xed\xa0\x80", b"abc\xc3", b"\x00\xff")))}


def _omit_column(random: Random, values: Values) -> Values:
    return {random.choice([name for name in values if name != "id"]): OMITTED}


_CHANGES = (
    ("column", _any_column, 30),
    ("id", _id, 5),
    ("payload", _payload, 30),
    ("date", _date, 10),
    ("number", _number, 8),
    ("traceparent", _traceparent, 6),
    ("undecodable", _undecodable, 6),
    ("left_out", _omit_column, 4),
    ("huge_payload", _huge_payload, 0.5),
)
