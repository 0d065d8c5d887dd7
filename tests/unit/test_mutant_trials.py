"""Which mutants there are, which run, and what counts as found."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from application.components import COMPONENTS
from connectors import source
from domain.message import Message
from mutants import catalogue, running
from mutants.catalogue import describe, draw_sample, mutants
from scenarios.catalogue import scenarios
from scenarios.messages import CHECKS
from scenarios.model import Check, Result
from scenarios.observations import CounterExample, Observation
from scenarios.properties import PROPERTIES
from settings import Settings
from tests.histories import example
from tests.results import result_of

KINDS = ("source", "broker", "relay", "notifications", "commands", "audit", "observer", "api", "watcher")


@pytest.mark.parametrize("name", mutants())
def test_a_mutant_says_what_is_wrong_and_who_must_notice(name: str) -> None:
    mutant = mutants()[name]
    assert mutant.caught_by
    assert mutant.caught_by.keys() <= scenarios().keys()
    assert set(mutant.caught_by.values()) <= PROPERTIES.keys() | CHECKS.keys()
    assert re.match(r"An? .+\.$", describe(name))


def test_there_are_mutants_of_every_component() -> None:
    assert {mutant.part for mutant in mutants().values()} == set(KINDS)
    assert set(KINDS) <= COMPONENTS.keys()
    assert len(mutants()) >= 25


def test_every_property_is_what_finds_some_mutant() -> None:
    assert PROPERTIES.keys() <= {expected for mutant in mutants().values() for expected in mutant.caught_by.values()}


def test_a_mutant_does_something_only_when_it_is_run() -> None:
    for path in Path(next(iter(catalogue.__path__))).glob("[a-z]*.py"):
        text = path.read_text(encoding="utf-8")
        assert text.count('if __name__ == "__main__":') == mutants()[path.stem].runs_module, path.name


def test_a_mutant_of_the_source_has_other_settings_than_ours() -> None:
    ours = source.render(Settings(stack="native"))["configs"]
    for name, mutant in mutants().items():
        assert mutant.source_settings or mutant.part != "source", name
        assert all(ours.get(setting) != value for setting, value in mutant.source_settings.items()), name


def test_the_seed_draws_the_sample() -> None:
    names = [f"m{number}" for number in range(30)]
    assert draw_sample(names, 3, 20260131) == draw_sample(names[::-1], 3, 20260131)
    assert len({tuple(draw_sample(names, 3, seed)) for seed in range(20)}) > 10
    assert draw_sample(names[:2], 3, 1) == names[:2]


def failed(**changes: object) -> Result:
    proof = CounterExample("nothing_lost", (Observation("worker", None, "e", "x"),))
    properties = {"nothing_lost": False, "in_order": True}
    changes = {"verdict": "FAIL", "properties": properties, "counter_example": proof, "checks": (), **changes}
    return replace(result_of(example()), **changes)  # type: ignore[arg-type]


def test_only_the_expected_property_counts() -> None:
    trial = running.judge("worker_acknowledges_early", "kill-worker", failed(), 1)
    assert (trial.ok, trial.caught_by, trial.counter_example_events) == (True, "nothing_lost", 1)
    other = failed(properties={"nothing_lost": True, "in_order": False})
    assert not running.judge("worker_acknowledges_early", "kill-worker", other, 1).ok
    assert not running.judge("worker_acknowledges_early", "kill-worker", failed(verdict="INCONCLUSIVE"), 1).ok
    assert not running.judge("worker_acknowledges_early", "kill-worker", failed(counter_example=None), 1).ok


def test_a_check_of_the_scenario_needs_no_counter_example() -> None:
    check = Check.of(Message("check.nothing_old_again"), False)
    found = failed(checks=(check,), properties={"nothing_lost": True}, counter_example=None)
    trial = running.judge("relay_forgets_checkpoint", "restart-source", found, 1)
    assert (trial.caught_by, trial.counter_example_events) == ("check.nothing_old_again", 0)
