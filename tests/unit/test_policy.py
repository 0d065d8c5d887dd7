"""Test that every exception means one of two things: a dependency is unavailable, or this message failed."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import StatementError

from connectors.broker import BrokerUnavailable
from db.error_codes import Kind
from db.errors import DatabaseUnavailable, UnstorableData, translate
from workers import policy
from workers.outcome import DeadLetter, Retry, Wait


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "error",
    [
        BrokerUnavailable("away"),
        *(DatabaseUnavailable("away", kind) for kind in Kind if kind not in (Kind.UNKNOWN, Kind.DATA)),
    ],
)
def test_the_worker_waits_for_an_unavailable_dependency(error: Exception) -> None:
    assert policy.judge(error) == Wait("away")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("x"), RecursionError("x"), MemoryError(), KeyError("x"), AssertionError(), OSError(5, "x"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), ExceptionGroup("x", [ValueError()]), StopIteration(), Mute(),
        DatabaseUnavailable("no table knows this number", Kind.UNKNOWN),
    ],
)  # fmt: skip
def test_any_other_exception_is_a_failure_of_the_message(error: Exception) -> None:
    assert isinstance(policy.judge(error), Retry)


@pytest.mark.parametrize(
    "error",
    [
        StatementError("cannot bind", "INSERT", {}, RecursionError("too deep")),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        OverflowError("too large"),
        RecursionError("too deep"),
    ],
)
def test_a_value_that_no_database_accepts_is_dead_lettered_at_once(error: Exception) -> None:
    translated = translate(error)
    assert isinstance(translated, UnstorableData)
    dead = policy.judge(translated)
    assert isinstance(dead, DeadLetter)
    assert dead.reason == "bad_data"


def test_the_description_of_an_error_is_one_line_that_can_be_stored() -> None:
    text = policy.describe(ValueError("first\nsecond \ud800 \x00 \x1b[31m ü"))
    assert text == "ValueError: first\\nsecond \\ud800 \\x00 \\x1b[31m ü"
    assert text.encode("utf-8")


def test_backoffs_grow_and_stay_short() -> None:
    pauses = [policy.backoff_s(attempts) for attempts in range(policy.MAX_ATTEMPTS + 3)]
    assert pauses == sorted(pauses)
    assert 0 < sum(pauses[1 : policy.MAX_ATTEMPTS]) < 1
