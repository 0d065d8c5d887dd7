"""The verb `scenario mutants`: which ones run, what is printed, and when it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import typer

from cli import mutants as verb
from cli.output import Failed
from mutants import running
from mutants.catalogue import mutants
from mutants.model import Trial


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The mutants that were run; the relay that drops events is the only one that nobody finds."""
    names: list[str] = []

    def try_mutant(name: str, stack: str) -> Trial:
        names.append(name)
        scenario, expected = next(iter(mutants()[name].caught_by.items()))
        is_found = name != "relay_drops_one"
        caught_by, verdict = (expected, "FAIL") if is_found else (None, "PASS")
        return Trial(name, scenario, expected, caught_by, 2, (expected,) if is_found else (), verdict, "why", 1.5)

    monkeypatch.setattr(running, "try_mutant", try_mutant)
    return names


def test_the_json_has_each_mutant_with_who_found_it(tried: list[str], printed: Callable[[], Any]) -> None:
    verb.mutants(name=["audit_lies", "relay_changes_key"], stack="embedded", json=True)
    document = printed()
    assert document["ok"]
    assert tried == ["audit_lies", "relay_changes_key"] == [each["name"] for each in document["mutants"]]
    assert document["mutants"][0]["caught_by"] == "audit_equals_notifications"
    assert document["mutants"][0].keys() >= {"counter_example_events", "scenario", "seconds"}


def test_one_that_is_not_found_is_a_failure(tried: list[str], printed: Callable[[], Any]) -> None:
    with pytest.raises(typer.Exit) as ended:
        verb.mutants(name=["relay_drops_one"], json=True)
    assert ended.value.exit_code == 1
    document = printed()
    assert (document["ok"], document["mutants"][0]["caught_by"]) == (False, None)


def test_a_sample_is_said_and_can_be_drawn_again(tried: list[str], printed: Callable[[], Any]) -> None:
    first: list[str] = []
    for _ in range(2):
        verb.mutants(sample=3, seed=20260131, json=True)
        assert printed()["sample"] == {"n": 3, "seed": 20260131}
        first = first or list(tried)
    assert tried == first * 2
    assert len(first) == 3


def test_an_unknown_mutant_is_refused(tried: list[str]) -> None:
    with pytest.raises(Failed, match="no mutant nobody"):
        verb.mutants(name=["nobody"])
    assert tried == []
