"""The scenarios, one file each. To add one, add a file here that declares `SCENARIO`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from scenarios.model import Scenario
from settings.stack_facts import CaptureName

ORDER = (
    "dual-write",
    "eventual-consistency",
    "duplicate-command",
    "commands-topic",
    "atomicity",
    "restart-source",
    "kill-broker",
    "kill-worker",
    "kill-database",
    "backpressure",
    "poison-message",
    "replay",
    "lost-offsets",
    "long-transaction",
    "delete-after-insert",
    "outbox-truncated",
    "unlogged-write",
    "idle-capture",
    "xa-rollback",
    "binlog-purged",
    "history-lost",
    "server-replaced",
    "older-binlog",
    "unparseable-ddl",
    "schema-change",
    "capture-upgrade",
    "oversized-row",
    "audit",
    "large-insert",
    "kill-bookie",
    "kill-one-broker",
)
"""The order of lists; scenarios that are not named here come last, by name."""


@cache
def scenarios() -> dict[str, Scenario]:
    """Return the scenarios by name, in the order of lists."""
    by_name: dict[str, Scenario] = {}
    for module in pkgutil.iter_modules(__path__):
        scenario: Scenario = importlib.import_module(f"{__name__}.{module.name}").SCENARIO
        by_name[scenario.name] = scenario
    position = {name: number for number, name in enumerate(ORDER)}
    return dict(sorted(by_name.items(), key=lambda item: (position.get(item[0], len(position)), item[0])))


def list_all(stack: str, cluster: bool, capture: CaptureName = "") -> list[Scenario]:
    """Return the scenarios that `scenario run all` runs on a stack with this capture, in the order of lists."""
    return [
        scenario for scenario in scenarios().values() if scenario.in_all and scenario.runs_on(stack, cluster, capture)
    ]


def find(name: str, minutes: float = 1.0, faults: str = "") -> Scenario:
    """Return the scenario of this name; `minutes` and `faults` are duration and schedule of chaos.

    Raises LookupError for an unknown name, and ValueError for a text that is no schedule.
    """
    if name == "chaos":
        from scenarios.chaos import chaos

        return chaos(minutes, faults)
    try:
        return scenarios()[name]
    except KeyError:
        raise LookupError(f"there is no scenario {name!r}; choose from {', '.join(scenarios())} and chaos") from None
