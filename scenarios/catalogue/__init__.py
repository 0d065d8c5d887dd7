"""The scenarios, one file each. A new one is a new file here that declares `SCENARIO`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from scenarios.model import Scenario

ORDER = (
    "eventual-consistency",
    "duplicate-command",
    "atomicity",
    "restart-source",
    "kill-broker",
    "kill-worker",
    "kill-database",
    "backpressure",
    "poison-message",
    "replay",
    "lost-offsets",
    "dual-write",
    "audit",
)
"""As they are told; others come after them, by name."""


@cache
def scenarios() -> dict[str, Scenario]:
    """By name."""
    found: dict[str, Scenario] = {}
    for module in pkgutil.iter_modules(__path__):
        scenario: Scenario = importlib.import_module(f"{__name__}.{module.name}").SCENARIO
        found[scenario.name] = scenario
    place = {name: number for number, name in enumerate(ORDER)}
    return dict(sorted(found.items(), key=lambda item: (place.get(item[0], len(place)), item[0])))


def find(name: str, minutes: float = 1.0) -> Scenario:
    """Raises LookupError. `minutes` is how long chaos lasts."""
    if name == "chaos":
        from scenarios.chaos import chaos

        return chaos(minutes)
    try:
        return scenarios()[name]
    except KeyError:
        raise LookupError(f"there is no scenario {name!r}; there are {', '.join(scenarios())} and chaos") from None
