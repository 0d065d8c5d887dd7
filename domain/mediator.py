"""Dispatches a command to its handler by the command's type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain.commands import ApproveCommission, CalculateCommission, Command, CommissionResult
from domain.handlers import Surroundings, approve_commission, calculate_commission
from domain.ports import UnitOfWork


class Mediator:
    def __init__(self, new_unit_of_work: Callable[[], UnitOfWork], around: Surroundings) -> None:
        self._new_unit_of_work = new_unit_of_work
        self._around = around
        self._handlers: dict[type[Command], Callable[[Any, UnitOfWork, Surroundings], CommissionResult]] = {
            CalculateCommission: calculate_commission,
            ApproveCommission: approve_commission,
        }

    def send(self, command: Command) -> CommissionResult:
        """Run the command in a unit of work of its own.

        Raises domain.errors.Refusal, and LookupError for a type that has no handler.
        """
        handler = self._handlers.get(type(command))
        if handler is None:
            raise LookupError(f"no handler for {type(command).__name__}")
        return handler(command, self._new_unit_of_work(), self._around)
