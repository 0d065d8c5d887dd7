"""The shrinker finds the one input that fails alone, and leaves of it what makes it fail."""

from __future__ import annotations

import pytest

from fuzzing.accounting import Failure
from fuzzing.generator import generate_input
from fuzzing.inputs import Input, Message, Tag
from fuzzing.json_text import Members, encode
from fuzzing.judging import Fault, Violation
from fuzzing.shrinking import Shrinker
from settings import Settings

POISON = b"1e9999"
FAULT: Fault = "lost"


def message(number: int, amount: str) -> Message:
    body = Members([("command", "calculate"), ("amount", amount), ("note", "x" * 200), ("more", [1, 2, 3])])
    return Message(Tag("0a0b0c0d", number), "calculate", "commands", "commands", encode(body), "key", (("a", "b"),))


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[list[Input]]:
    """Every group that was sent; it fails when one of them holds the poison."""
    groups: list[list[Input]] = []

    def fails(_shrinker: Shrinker, suspects: list[Input], _fault: Fault) -> bool:
        groups.append(suspects)
        return any(POISON in each.value for each in suspects if isinstance(each, Message))

    monkeypatch.setattr(Shrinker, "_fails", fails)
    return groups


def failed(*inputs: Input) -> list[Failure]:
    return [Failure(fuzz_input, Violation(FAULT, "not settled")) for fuzz_input in inputs]


def test_the_poison_is_found_among_those_that_waited_behind_it_and_made_small(tried: list[list[Input]]) -> None:
    among = failed(*(message(number, "1e9999" if number == 11 else "5.00") for number in range(20)))
    (found,) = Shrinker(Settings()).shrink(among)
    assert found.number == 11
    assert found.alone
    assert isinstance(found.input, Message)
    assert found.input.value == b'{"amount":"1e9999"}'
    assert (found.input.key, found.input.properties) == (None, ())
    assert len(tried) < 60


def test_what_fails_only_together_is_told_as_such(tried: list[list[Input]]) -> None:
    (found,) = Shrinker(Settings()).shrink(failed(message(1, "5.00"), message(2, "5.00")))
    assert not found.alone


def test_each_channel_with_its_kind_of_failure_is_shrunk_by_itself(tried: list[list[Input]]) -> None:
    first = {
        fuzz_input.channel: fuzz_input
        for fuzz_input in (generate_input(1, "0a0b0c0d", number) for number in range(200))
    }
    found = Shrinker(Settings()).shrink(failed(*first.values()))
    assert [each.input.channel for each in found] == ["rows", "messages", "commands", "requests"]


def test_without_time_nothing_is_tried(tried: list[list[Input]]) -> None:
    assert Shrinker(Settings(), budget_s=-1).shrink(failed(message(1, "1e9999"))) == []
    assert tried == []
