"""Test how the verb fuzz chooses its inputs, and what it does where it may not run."""

from __future__ import annotations

import pytest

from application.permissions import Forbidden
from cli import fuzzing
from cli.output import Failed
from settings import Settings


def numbers(only: str = "", n: int = 5, seed: int = 1, here: bool = False) -> list[int]:
    return [chosen.tag.number for chosen in fuzzing._choose_inputs(n, seed, only, None, here)]


def test_chosen_inputs_come_with_the_one_that_creates_their_commission() -> None:
    assert numbers("17, 9,17") == [0, 9, 17]


@pytest.mark.parametrize("only", ["x", "1,,2", "-1", "1.5"])
def test_what_is_no_number_is_refused_with_an_example(only: str) -> None:
    with pytest.raises(Failed, match="4711"):
        numbers(only)


def test_the_same_seed_chooses_the_same_inputs_and_a_running_instance_gets_new_ids() -> None:
    first, again, there = (list(fuzzing._choose_inputs(5, 1, "", None, here)) for here in (False, False, True))
    assert first == again
    assert len(first) == 5
    assert [one.tag.correlation_id for one in first] != [one.tag.correlation_id for one in there]


def test_an_instance_that_is_no_demo_is_not_fuzzed(settings: Settings) -> None:
    with pytest.raises(Forbidden), fuzzing._running_instance("external", True):
        pytest.fail("it ran")
