"""The generators: every kind comes, the same seed makes the same, and what is sent can be sent again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from fuzzing import hostile, writing
from fuzzing.generator import make
from fuzzing.inputs import CHANNELS, Input, Message, Request, Row, retagged
from fuzzing.json_text import Members, Written, encode, parse
from fuzzing.simplifying import simpler

RUN = "0a0b0c0d"
SOME = [make(1, RUN, number) for number in range(4000)]


def test_the_same_seed_makes_the_same_inputs_in_whatever_order() -> None:
    again = {number: make(1, RUN, number) for number in reversed(range(300))}
    assert [again[number] for number in range(300)] == SOME[:300]
    assert [make(2, RUN, number) for number in range(300)] != SOME[:300]


def test_every_channel_carries_good_and_hostile_inputs() -> None:
    seen = Counter((given.channel, given.good) for given in SOME)
    assert all(seen[channel, False] > 100 for channel in CHANNELS)
    assert all(seen[channel, True] > 20 for channel in CHANNELS if channel != "messages")
    assert SOME[0].good
    assert SOME[0].channel == "requests"


@pytest.mark.parametrize(
    "kind",
    [
        *("calculate:", "approve:", "header:traceparent", "header:Host", "path", "query", "malformed", "garbage"),
        *("after:", "envelope:", "payload", "op:u", "op:d", "op:r", "op:t", "source", "raw", "envelope"),
        *("column", "date", "number", "undecodable", "left_out", "id", "traceparent"),
        *("replaced", "dropped", "added", "doubled", "renamed", "wrong_type", "truncated", "flipped", "inserted"),
        *("other_encoding", "followed", "enclosed"),
    ],
)
def test_every_kind_is_made(kind: str) -> None:
    assert any(kind in given.kind for given in SOME)


def test_huge_inputs_are_made_and_are_rare() -> None:
    huge = [given for number in range(4000, 12_000) if _size(given := make(1, RUN, number)) > 1_000_000]
    assert 1 <= len(huge) <= 40


@pytest.mark.parametrize(
    "bytes_",
    [
        b"NaN",
        b"Infinity",
        b"1e9999999999999",
        b"-0",
        b"\\ud800",
        b"\xed\xa0\x80",
        b"\\u0000",
        b"\xe2\x80\xae",
        b"[" * 900,
    ],
)
def test_values_that_software_takes_wrongly_are_sent(bytes_: bytes) -> None:
    assert any(bytes_ in _bytes(given) for given in SOME)


def test_messages_come_without_a_key_with_a_wrong_one_and_with_hostile_properties() -> None:
    messages = [given for given in SOME if isinstance(given, Message)]
    assert {given.topic for given in messages} == {"commands", "events", "retry"}
    assert {None, "", "%%%"} <= {given.key for given in messages}
    assert any("alpes-reason" in dict(given.properties) for given in messages)
    for given in messages:  # the broker's client takes whole characters only
        (given.key or "").encode()
        json.dumps(given.properties, ensure_ascii=False).encode()


def test_an_input_is_written_and_read_unchanged(tmp_path: Path) -> None:
    writing.write(tmp_path / "inputs.jsonl", SOME[:500])
    assert writing.read(tmp_path / "inputs.jsonl") == SOME[:500]


def test_a_file_that_holds_no_inputs_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    path.write_text(writing.line(SOME[0]) + "\n{}\n")
    with pytest.raises(writing.NoInputs, match="line 2"):
        writing.read(path)


def test_an_input_under_another_number_has_none_of_the_first_ones_ids() -> None:
    for given in SOME[:500]:
        other = retagged(given, 987_654_321)
        assert given.tag.digits.encode() not in _bytes(other)
        assert retagged(other, given.tag.number) == given


def test_simpler_inputs_are_smaller_or_nearer_to_what_is_in_order() -> None:
    for given in SOME[:400]:
        for other in [each for each, _ in zip(simpler(given), range(20), strict=False)]:
            assert other != given
            assert type(other) is type(given)
            assert other.tag == given.tag


def test_json_keeps_keys_that_come_twice_and_numbers_as_written() -> None:
    written = encode(Members([("a", Written("1e99999")), ("a", [None, Written("NaN")])]))
    assert written == b'{"a":1e99999,"a":[null,NaN]}'
    assert parse(b'{"a":1,"a":{"b":"\\ud800"}}') == [("a", 1), ("a", [("b", "\ud800")])]


def test_nesting_reaches_from_one_to_two_thousand() -> None:
    assert {min(hostile.DEPTHS), max(hostile.DEPTHS)} == {1, 2000}


def _bytes(given: Input) -> bytes:
    match given:
        case Request():
            return (
                given.target + b"".join(b"".join(header) for header in given.headers) + given.body + (given.raw or b"")
            )
        case Message():
            return given.value
        case Row():
            return repr(given.values).encode()


def _size(given: Input) -> int:
    return len(_bytes(given))
