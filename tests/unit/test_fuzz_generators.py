"""The generators: every kind comes, the same seed makes the same, and what is sent can be sent again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from fuzzing import hostile, writing
from fuzzing.generator import generate_input
from fuzzing.inputs import CHANNELS, Input, Message, Request, Row, with_new_number
from fuzzing.json_text import Members, RawJson, encode, parse
from fuzzing.simplifying import simpler_inputs

RUN = "0a0b0c0d"
SOME = [generate_input(1, RUN, number) for number in range(4000)]


def test_the_same_seed_makes_the_same_inputs_in_whatever_order() -> None:
    again = {number: generate_input(1, RUN, number) for number in reversed(range(300))}
    assert [again[number] for number in range(300)] == SOME[:300]
    assert [generate_input(2, RUN, number) for number in range(300)] != SOME[:300]


def test_every_channel_carries_good_and_hostile_inputs() -> None:
    seen = Counter((fuzz_input.channel, fuzz_input.good) for fuzz_input in SOME)
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
    assert any(kind in fuzz_input.kind for fuzz_input in SOME)


def test_huge_inputs_are_made_and_are_rare() -> None:
    huge = [
        fuzz_input for number in range(4000, 12_000) if _size(fuzz_input := generate_input(1, RUN, number)) > 1_000_000
    ]
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
    assert any(bytes_ in _bytes(fuzz_input) for fuzz_input in SOME)


def test_messages_come_without_a_key_with_a_wrong_one_and_with_hostile_properties() -> None:
    messages = [fuzz_input for fuzz_input in SOME if isinstance(fuzz_input, Message)]
    assert {fuzz_input.topic for fuzz_input in messages} == {"commands", "events", "retry"}
    assert {None, "", "%%%"} <= {fuzz_input.key for fuzz_input in messages}
    assert any("alpes-reason" in dict(fuzz_input.properties) for fuzz_input in messages)
    for fuzz_input in messages:  # the broker's client takes whole characters only
        (fuzz_input.key or "").encode()
        json.dumps(fuzz_input.properties, ensure_ascii=False).encode()


def test_an_input_is_written_and_read_unchanged(tmp_path: Path) -> None:
    writing.write(tmp_path / "inputs.jsonl", SOME[:500])
    assert writing.read(tmp_path / "inputs.jsonl") == SOME[:500]


def test_a_file_that_holds_no_inputs_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    path.write_text(writing.to_line(SOME[0]) + "\n{}\n")
    with pytest.raises(writing.InvalidInputFile, match="line 2"):
        writing.read(path)


def test_an_input_under_another_number_has_none_of_the_first_ones_ids() -> None:
    for fuzz_input in SOME[:500]:
        other = with_new_number(fuzz_input, 987_654_321)
        assert fuzz_input.tag.digits.encode() not in _bytes(other)
        assert with_new_number(other, fuzz_input.tag.number) == fuzz_input


def test_simpler_inputs_are_smaller_or_nearer_to_what_is_in_order() -> None:
    for fuzz_input in SOME[:400]:
        for other in [each for each, _ in zip(simpler_inputs(fuzz_input), range(20), strict=False)]:
            assert other != fuzz_input
            assert type(other) is type(fuzz_input)
            assert other.tag == fuzz_input.tag


def test_json_keeps_keys_that_come_twice_and_numbers_as_written() -> None:
    written = encode(Members([("a", RawJson("1e99999")), ("a", [None, RawJson("NaN")])]))
    assert written == b'{"a":1e99999,"a":[null,NaN]}'
    assert parse(b'{"a":1,"a":{"b":"\\ud800"}}') == [("a", 1), ("a", [("b", "\ud800")])]


def test_nesting_reaches_from_one_to_two_thousand() -> None:
    assert {min(hostile.DEPTHS), max(hostile.DEPTHS)} == {1, 2000}


def _bytes(fuzz_input: Input) -> bytes:
    match fuzz_input:
        case Request():
            return (
                fuzz_input.target
                + b"".join(b"".join(header) for header in fuzz_input.headers)
                + fuzz_input.body
                + (fuzz_input.raw or b"")
            )
        case Message():
            return fuzz_input.value
        case Row():
            return repr(fuzz_input.values).encode()


def _size(fuzz_input: Input) -> int:
    return len(_bytes(fuzz_input))
