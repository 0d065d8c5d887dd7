"""Put a mutant in the place of a component, run the scenario that must fail, and say who noticed.

Each mutant gets an instance of its own: what a broken component has written would spoil the next verdict.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from mutants import broker_settings, source_settings
from mutants.catalogue import find_scenario, module_of, mutants
from mutants.model import Trial
from mutants.source_process import in_place_of_source
from scenarios import end_to_end, runner
from scenarios.catalogue import scenarios
from scenarios.model import Moment, Result
from settings import Settings

SEED = 1
"""Of the commands: some mutants break rare ones only."""


def select_names(stack: str) -> list[str]:
    """Return the mutants that some scenario of the stack must find."""
    return [name for name in mutants() if choose_scenario(name, stack)]


def choose_scenario(name: str, stack: str) -> str | None:
    """Return the quickest scenario of the stack that must find the mutant; None when there is none."""
    return find_scenario(name, {scenario.name for scenario in scenarios().values() if scenario.runs_on(stack)})


@contextmanager
def installed(name: str, stack: str) -> Iterator[Settings]:
    """Yield a private instance in which the mutant runs in place of its component, or source or broker have the mutant's settings."""
    mutant = mutants()[name]
    in_place = mutant.runs_module and not mutant.replaces_source
    modules = {mutant.part: module_of(name)} if in_place else {}
    with (
        end_to_end.running(stack, private=True, part_modules=modules) as settings,
        in_place_of_source(settings, module_of(name)) if mutant.replaces_source else nullcontext(),
    ):
        if mutant.source_settings:
            source_settings.apply(settings, mutant.source_settings)
        if mutant.broker_settings:
            broker_settings.apply(settings, mutant.broker_settings)
        yield settings


def try_mutant(
    name: str, stack: str, scenario: str | None = None, on_moment: Callable[[Moment], None] = lambda moment: None
) -> Trial:
    """Run a scenario on an instance with the mutant in it. Raises LookupError when none of the stack must find it."""
    chosen = scenario or choose_scenario(name, stack)
    if chosen is None:
        raise LookupError(f"no scenario of the {stack} stack is expected to find {name}")
    started_at = time.monotonic()
    with installed(name, stack) as settings:
        result = runner.run(settings, chosen, SEED, on_moment=on_moment)
    return judge(name, chosen, result, time.monotonic() - started_at)


def judge(name: str, scenario: str, result: Result, seconds: float) -> Trial:
    """Return whether the scenario's result names what is wrong with the mutant."""
    expected = mutants()[name].caught_by[scenario]
    broken = result.broken()
    example = result.counter_example
    is_caught = (
        result.verdict == "FAIL" and expected in broken and (example is not None or expected not in result.properties)
    )
    return Trial(
        name=name,
        scenario=scenario,
        expected=expected,
        caught_by=expected if is_caught else None,
        counter_example_events=0 if example is None else len(example.events),
        broken=broken,
        verdict=result.verdict,
        reason=result.reason,
        seconds=round(seconds, 1),
    )
