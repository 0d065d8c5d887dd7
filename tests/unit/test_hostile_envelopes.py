"""Test that decoding names or refuses any message on the topics of events, and never raises."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import envelope
from connectors.envelope import Inserted, Skipped, Unreadable
from tests.builders import record

GOOD: dict[str, Any] = json.loads(envelope.encode(record(7, traceparent="00-t"), 1_700_000_000_123)[1])
COLUMNS = list(GOOD["after"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def changed(path: tuple[str, ...], value: Any) -> bytes:
    body = copy.deepcopy(GOOD)
    place = body
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return json.dumps(body).encode()


def without(path: tuple[str, ...]) -> bytes:
    body = copy.deepcopy(GOOD)
    place = body
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return json.dumps(body).encode()


PATHS = [("op",), ("ts_ms",), ("after",), ("source",), ("source", "table"), *(("after", name) for name in COLUMNS)]


@given(st.sampled_from(PATHS), anything)
def test_decoding_never_raises_for_any_value_in_any_field(path: tuple[str, ...], value: Any) -> None:
    decoded = envelope.decode(changed(path, value))
    assert isinstance(decoded, Inserted | Skipped | Unreadable)
    if isinstance(decoded, Unreadable):
        assert len(decoded.detail) <= 500


@pytest.mark.parametrize("name", [name for name in COLUMNS if name != "traceparent"])
def test_a_row_without_one_of_its_columns_is_bad_and_the_column_is_named(name: str) -> None:
    for value in (without(("after", name)), changed(("after", name), None)):
        decoded = envelope.decode(value)
        assert isinstance(decoded, Unreadable)
        assert (decoded.reason, decoded.detail) == ("bad_row", f"`after` lacks {name}")


def test_a_row_needs_no_trace() -> None:
    decoded = envelope.decode(without(("after", "traceparent")))
    assert isinstance(decoded, Inserted)
    assert decoded.record.traceparent is None


@pytest.mark.parametrize("name", ["op", "source"])
def test_without_op_or_source_it_is_no_envelope(name: str) -> None:
    decoded = envelope.decode(without((name,)))
    assert isinstance(decoded, Unreadable)
    assert decoded.reason == "not_an_envelope"


@pytest.mark.parametrize("table", ["commission", "OUTBOX_EVENT", "", None, 7])
def test_a_row_of_another_table_is_named_as_such(table: object) -> None:
    decoded = envelope.decode(changed(("source", "table"), table))
    assert isinstance(decoded, Unreadable)
    assert decoded.reason == "another_table"
    assert repr(table) in decoded.detail


def test_a_row_without_the_time_of_capture_is_bad() -> None:
    decoded = envelope.decode(without(("ts_ms",)))
    assert isinstance(decoded, Unreadable)
    assert (decoded.reason, "ts_ms" in decoded.detail) == ("bad_row", True)


@pytest.mark.parametrize("op", ["u", "d", "t"])
def test_a_skipped_message_needs_no_row(op: str) -> None:
    body = {**GOOD, "op": op, "after": None}
    assert envelope.decode(json.dumps(body).encode()) == Skipped(op)  # type: ignore[arg-type]


@given(st.text(), st.binary())
def test_decoding_a_key_never_raises(text: str, raw: bytes) -> None:
    assert envelope.decode_key(text) is None or "aggregate_id" in base64.b64decode(text).decode()
    encoded = base64.b64encode(raw).decode()
    assert envelope.decode_key(encoded) is None or b"aggregate_id" in raw


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=36))
def test_decoding_a_key_returns_its_aggregate(aggregate: str) -> None:
    assert envelope.decode_key(envelope.encode(record(1, aggregate), 1)[0]) == aggregate


def test_a_key_nested_too_deep_names_no_aggregate() -> None:
    assert envelope.decode_key(base64.b64encode(b"[" * 100_000).decode()) is None


TEXTS = [name for name in COLUMNS if isinstance(GOOD["after"][name], str)]
NUMBERS = [name for name in COLUMNS if isinstance(GOOD["after"][name], int) and name != "occurred_at"]


@pytest.mark.parametrize(
    "value",
    [changed(("after", name), "\ud800") for name in TEXTS]
    + [changed(("after", name), 10**30) for name in NUMBERS]
    + [changed(("ts_ms",), 10**30), changed(("after", "seq"), 2**63), changed(("after", "seq"), -(2**63) - 1)],
    ids=[*TEXTS, *NUMBERS, "ts_ms", "seq one too high", "seq one too low"],
)
def test_a_row_that_no_database_can_store_is_bad(value: bytes) -> None:
    decoded = envelope.decode(value)
    assert isinstance(decoded, Unreadable)
    assert decoded.reason == "bad_row"


@pytest.mark.parametrize("name", ["id", "aggregate_id"])
def test_an_id_longer_than_its_column_is_a_bad_row(name: str) -> None:
    assert isinstance(envelope.decode(changed(("after", name), "x" * 37)), Unreadable)
