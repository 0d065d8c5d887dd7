"""Dispatch each command to the handler of its type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain.commands import ApproveCommission, CalculateCommission, Command, CommissionResult
from domain.handlers import Dependencies, approve_commission, calculate_commission
from domain.ports import UnitOfWork


class Mediator:
    def __init__(self, new_unit_of_work: Callable[[], UnitOfWork], deps: Dependencies) -> None:
        self._new_unit_of_work = new_unit_of_work
        self._deps = deps
        self._handlers: dict[type[Command], Callable[[Any, UnitOfWork, Dependencies], CommissionResult]] = {
            CalculateCommission: calculate_commission,
            ApproveCommission: approve_commission,
        }

    def send(self, command: Command) -> CommissionResult:
        """Run the command in a new unit of work and return its result.

        Raise domain.errors.Refusal, and LookupError for a type that has no handler.
        """
        handler = self._handlers.get(type(command))
        if handler is None:
            raise LookupError(f"no handler for {type(command).__name__}")
        return handler(command, self._new_unit_of_work(), self._deps)
