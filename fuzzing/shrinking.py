"""Finds, of inputs that failed together, the one that fails alone, and makes it as simple as it can be made in time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from random import Random

from fuzzing import request_generator, row_generator
from fuzzing.accounting import Failure
from fuzzing.inputs import CHANNELS, Input, retagged
from fuzzing.judging import Fault
from fuzzing.message_generator import good_command
from fuzzing.running import Run
from fuzzing.simplifying import simpler
from scenarios import end_to_end
from settings import Settings

ATTEMPT_S = 8.0
"""An input that is not settled within this, alone on an instance, is lost."""
GROUPS = 6
"""Kinds of failure of which one is shrunk."""
TOGETHER = 32
"""What stands still waits behind the first of them: so many of the oldest are looked among."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    given: Input
    """As simple as it became."""
    of: int
    """The number of the input that it was made from."""
    fault: str
    detail: str
    alone: bool
    """Whether it fails alone. If not, it is one of several that failed together."""


class Shrinker:
    """Tries inputs on private instances of the same kind; one that an input has spoilt is replaced."""

    def __init__(
        self, settings: Settings, budget_s: float = 240.0, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._settings = settings
        self._end = time.monotonic() + budget_s
        self._say = say
        self._undo = ExitStack()
        self._instance: Settings | None = None
        self._numbers = itertools.count(10**9)

    def shrink(self, failures: Sequence[Failure]) -> list[Shrunk]:
        """One shrunk input for each kind of failure, as time allows."""
        with self._undo:
            groups = itertools.islice(_groups(failures), GROUPS)
            return [self._one(group) for group in groups if time.monotonic() < self._end]

    def _one(self, failures: list[Failure]) -> Shrunk:
        first = failures[0]
        fault = first.violation.fault
        self._say(f"shrinking: {first.given.channel}, {fault}")
        suspect = self._alone([each.given for each in failures[:TOGETHER]], fault)
        if suspect is None:
            return Shrunk(first.given, first.given.tag.number, fault, first.violation.detail, False)
        (original,) = [each for each in failures if each.given is suspect]
        small = self._simplest(suspect, fault)
        return Shrunk(small, suspect.tag.number, fault, original.violation.detail, True)

    def _alone(self, suspects: list[Input], fault: Fault) -> Input | None:
        """The input that makes them fail, by halving; None when no half fails, or time is up."""
        while len(suspects) > 1:
            middle = len(suspects) // 2
            halves = (suspects[:middle], suspects[middle:])
            failing = next((half for half in halves if self._fails(half, fault)), None)
            if failing is None:
                return None
            suspects = failing
        return suspects[0] if suspects and self._fails(suspects, fault) else None

    def _simplest(self, given: Input, fault: Fault) -> Input:
        """Greedy: the first simpler one that still fails, and on from there."""
        while time.monotonic() < self._end:
            better = next((each for each in self._in_time(simpler(given)) if self._fails([each], fault)), None)
            if better is None:
                return given
            given = better
        return given

    def _in_time(self, candidates: Iterator[Input]) -> Iterator[Input]:
        return itertools.takewhile(lambda _: time.monotonic() < self._end, candidates)

    def _fails(self, suspects: list[Input], fault: Fault) -> bool:
        """Whether one of them fails so, or spoils the good ones around it."""
        if time.monotonic() > self._end:
            return False
        if self._instance is None:
            modules = self._settings.part_modules
            running = end_to_end.running(self._settings.stack, private=True, part_modules=modules)
            self._instance = self._undo.enter_context(running)
        run = Run(self._instance, self._among_good_ones(suspects), patience_s=ATTEMPT_S)
        report = run.go()
        if report.ok:
            return False
        if fault == "lost" or report.worker_deaths or report.stuck:
            self._undo.close()  # spoilt
            self._instance = None
        return report.worker_deaths > 0 or any(each.violation.fault == fault for each in run.failures)

    def _among_good_ones(self, suspects: list[Input]) -> Iterator[Input]:
        tag = replace(suspects[0].tag, number=0)
        good = (
            request_generator.calculate(Random(0), tag),
            good_command(Random(0), tag),
            row_generator.good(Random(0), tag),
        )
        for given in (*suspects, *good):
            yield retagged(given, next(self._numbers))


def _groups(failures: Sequence[Failure]) -> list[list[Failure]]:
    """By channel and fault, the hostile ones first; the channels whose inputs spoil others before those that suffer."""
    groups: dict[tuple[int, str], list[Failure]] = {}
    for failure in failures:
        key = (-CHANNELS.index(failure.given.channel), failure.violation.fault)
        groups.setdefault(key, []).append(failure)
    return [sorted(group, key=lambda each: each.given.good) for _, group in sorted(groups.items())]
