"""Name the commands for the code that sends them. Each is defined beside its event and its handler in `domain/changes`."""

from __future__ import annotations

from domain.change import Command, CommissionResult
from domain.changes.approve import ApproveCommission
from domain.changes.calculate import CalculateCommission

__all__ = ["ApproveCommission", "CalculateCommission", "Command", "CommissionResult"]
