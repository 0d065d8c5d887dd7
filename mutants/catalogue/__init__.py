"""The mutants, one file each. To add one, add a file here that declares `MUTANT` and installs itself when it is run."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from random import Random

from mutants.model import Mutant


@cache
def mutants() -> dict[str, Mutant]:
    """Return the mutants by name, in the order of names. Importing their modules changes nothing."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(module_of(name)).MUTANT for name in names}


def module_of(name: str) -> str:
    """Return the module that runs in place of the component's own."""
    return f"{__name__}.{name}"


def describe(name: str) -> str:
    """Return the sentence that says what is wrong with a mutant: the first line of its module."""
    return (importlib.import_module(module_of(name)).__doc__ or "").strip().partition("\n")[0]


def find_scenario(name: str, stack_scenarios: set[str]) -> str | None:
    """Return the first scenario of a mutant among those of a stack; None when it has none there."""
    return next((scenario for scenario in mutants()[name].caught_by if scenario in stack_scenarios), None)


def draw_sample(names: list[str], count: int, seed: int) -> list[str]:
    """Return `count` of the names, or all if there are fewer. The same seed draws the same ones."""
    return sorted(Random(seed).sample(sorted(names), min(count, len(names))))
