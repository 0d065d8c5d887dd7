"""Dispatch each command to the handler of its type."""

from __future__ import annotations

from collections.abc import Callable

from domain.change import Command, CommissionResult
from domain.changes import find_change
from domain.ports import Dependencies, UnitOfWork


class Mediator:
    def __init__(self, new_unit_of_work: Callable[[], UnitOfWork], deps: Dependencies) -> None:
        self._new_unit_of_work = new_unit_of_work
        self._deps = deps

    def send(self, command: Command) -> CommissionResult:
        """Run the command in a new unit of work and return its result.

        Raise domain.errors.Refusal, and LookupError for a type that has no handler.
        """
        return find_change(command).handle(command, self._new_unit_of_work(), self._deps)
