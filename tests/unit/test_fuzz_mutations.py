"""Test the mutations of fuzzing: each changes its input, is named, and is made again from the same seed."""

from __future__ import annotations

import json
from random import Random

from fuzzing import mutations
from fuzzing.json_text import Members
from fuzzing.mutations import mutate

GOOD = Members([("command", "approve"), ("commissionId", "c-1"), ("correlationId", "r-1")])


def test_the_same_seed_makes_the_same_input() -> None:
    assert [mutate(Random(seed), GOOD) for seed in range(50)] == [mutate(Random(seed), GOOD) for seed in range(50)]


def test_the_original_members_stay_as_they_were() -> None:
    before = list(GOOD)
    for seed in range(100):
        mutate(Random(seed), GOOD)
    assert list(GOOD) == before


def test_every_kind_of_mutation_occurs_and_is_named() -> None:
    names = {name for seed in range(3000) for name in mutate(Random(seed), GOOD)[0].split("+")}
    expected = {name for name, _ in (*mutations._MEMBER_MUTATIONS, *mutations._BYTE_MUTATIONS)} | {"huge"}
    assert names == expected


def test_most_inputs_differ_from_the_good_one_and_many_are_still_json() -> None:
    good = json.loads(json.dumps(dict(GOOD)))
    inputs = [mutate(Random(seed), GOOD)[1] for seed in range(500)]
    parsed = []
    for raw in inputs:
        try:
            parsed.append(json.loads(raw))
        except (ValueError, RecursionError):
            continue
    assert 100 < len(parsed) < len(inputs)
    assert sum(document != good for document in parsed) > 0.8 * len(parsed)


def test_an_empty_object_is_mutated_without_an_error() -> None:
    for seed in range(200):
        if Random(seed).random() >= mutations.HUGE_SHARE:
            mutate(Random(seed), Members())
