"""List the changes of a commission, one file each. To add one, add a file here that declares `CHANGE`.

What depends on the set of commands or events reads this list: the mediator, the commands worker, the check of received
events, the metrics, the colours of the page, and the tests of the schemas.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from domain.change import Change
from domain.events import Event

ORDER = ("calculate", "approve")
"""The order of lists and colours; changes that are not named here come last, by name."""


@cache
def changes() -> dict[str, Change]:
    """Return the changes by name."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    by_name: dict[str, Change] = {module.CHANGE.name: module.CHANGE for module in modules}
    position = {name: number for number, name in enumerate(ORDER)}
    return dict(sorted(by_name.items(), key=lambda item: (position.get(item[0], len(position)), item[0])))


def find_change(command: object) -> Change:
    """Return the change that a command asks for. Raise LookupError for what is no command."""
    for change in changes().values():
        if type(command) is change.command:
            return change
    raise LookupError(f"no handler for {type(command).__name__}")


def event_types() -> dict[str, type[Event]]:
    """Return `type` → class of each event that this program reads."""
    return {change.event.type: change.event for change in changes().values()}
