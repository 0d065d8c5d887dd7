"""Shrink failing inputs: find the one that fails alone, and simplify it as far as time allows."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from random import Random

from fuzzing import request_generator, row_generator
from fuzzing.accounting import Failure
from fuzzing.inputs import CHANNELS, Input, with_new_number
from fuzzing.judging import Fault
from fuzzing.message_generator import good_command
from fuzzing.running import Run
from fuzzing.simplifying import simpler_inputs
from scenarios import end_to_end
from settings import Settings

ATTEMPT_S = 8.0
"""An input that is alone on an instance and not settled within this time is lost."""
MAX_GROUPS = 6
"""Largest number of kinds of failure; one input of each is shrunk."""
MAX_SUSPECTS = 32
"""When a channel hangs, one of its oldest inputs causes it: only this many of the oldest are tried."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    input: Input
    """The simplified input."""
    number: int
    """Number of the original input."""
    fault: str
    detail: str
    alone: bool
    """Whether it fails alone. If not, several inputs failed together and this is one of them."""


class Shrinker:
    """Try inputs on private instances of the same stack. An instance that an input has damaged is replaced."""

    def __init__(
        self, settings: Settings, budget_s: float = 240.0, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._settings = settings
        self._ends_at = time.monotonic() + budget_s
        self._say = say
        self._undo = ExitStack()
        self._instance: Settings | None = None
        self._numbers = itertools.count(10**9)

    def shrink(self, failures: Sequence[Failure]) -> list[Shrunk]:
        """Return one shrunk input for each kind of failure, as far as time allows."""
        with self._undo:
            groups = itertools.islice(_group_failures(failures), MAX_GROUPS)
            return [self._shrink_group(group) for group in groups if time.monotonic() < self._ends_at]

    def _shrink_group(self, failures: list[Failure]) -> Shrunk:
        first = failures[0]
        fault = first.violation.fault
        self._say(f"shrinking: {first.input.channel}, {fault}")
        culprit = self._find_culprit([failure.input for failure in failures[:MAX_SUSPECTS]], fault)
        if culprit is None:
            return Shrunk(first.input, first.input.tag.number, fault, first.violation.detail, False)
        (original,) = [failure for failure in failures if failure.input is culprit]
        simplest = self._simplify(culprit, fault)
        return Shrunk(simplest, culprit.tag.number, fault, original.violation.detail, True)

    def _find_culprit(self, suspects: list[Input], fault: Fault) -> Input | None:
        """Find the input that causes the failure, by halving. None when no half fails, or time is up."""
        while len(suspects) > 1:
            middle = len(suspects) // 2
            halves = (suspects[:middle], suspects[middle:])
            failing = next((half for half in halves if self._fails(half, fault)), None)
            if failing is None:
                return None
            suspects = failing
        return suspects[0] if suspects and self._fails(suspects, fault) else None

    def _simplify(self, fuzz_input: Input, fault: Fault) -> Input:
        """Simplify greedily: take the first simpler input that still fails, and continue from there."""
        while time.monotonic() < self._ends_at:
            simpler_input = next(
                (
                    candidate
                    for candidate in self._while_time_remains(simpler_inputs(fuzz_input))
                    if self._fails([candidate], fault)
                ),
                None,
            )
            if simpler_input is None:
                return fuzz_input
            fuzz_input = simpler_input
        return fuzz_input

    def _while_time_remains(self, candidates: Iterator[Input]) -> Iterator[Input]:
        return itertools.takewhile(lambda _: time.monotonic() < self._ends_at, candidates)

    def _fails(self, suspects: list[Input], fault: Fault) -> bool:
        """Return whether one of them fails with this fault, or damages the instance for the good ones."""
        if time.monotonic() > self._ends_at:
            return False
        if self._instance is None:
            modules = self._settings.part_modules
            private_instance = end_to_end.running(self._settings.stack, private=True, part_modules=modules)
            self._instance = self._undo.enter_context(private_instance)
        run = Run(self._instance, self._mix_with_good(suspects), patience_s=ATTEMPT_S)
        report = run.execute()
        if report.ok:
            return False
        if fault == "lost" or report.worker_deaths or report.stuck:
            self._undo.close()  # the instance is damaged
            self._instance = None
        return report.worker_deaths > 0 or any(failure.violation.fault == fault for failure in run.failures)

    def _mix_with_good(self, suspects: list[Input]) -> Iterator[Input]:
        tag = replace(suspects[0].tag, number=0)
        good = (
            request_generator.calculate(Random(0), tag),
            good_command(Random(0), tag),
            row_generator.good_row(Random(0), tag),
        )
        for fuzz_input in (*suspects, *good):
            yield with_new_number(fuzz_input, next(self._numbers))


def _group_failures(failures: Sequence[Failure]) -> list[list[Failure]]:
    """Group failures by channel and fault, hostile inputs first.

    Channels whose inputs damage other channels come before those that suffer.
    """
    groups: dict[tuple[int, str], list[Failure]] = {}
    for failure in failures:
        key = (-CHANNELS.index(failure.input.channel), failure.violation.fault)
        groups.setdefault(key, []).append(failure)
    return [sorted(group, key=lambda member: member.input.good) for _, group in sorted(groups.items())]
