"""A worker that refuses a row with a column that it does not know."""

from __future__ import annotations

from typing import Any

from connectors import envelope
from domain import contract
from domain.outbox import OutboxRecord
from mutants.model import Mutant
from workers import notifications
from workers.process import run

MUTANT = Mutant("notifications", {"schema-change": "no_dead_letter"})

read_record = envelope._read_record


def read_strictly(after: dict[str, Any]) -> OutboxRecord:
    unknown = after.keys() - set(OutboxRecord.__slots__)
    if unknown:
        raise contract.ContractError(f"`after` has the unknown {', '.join(sorted(unknown))}")
    return read_record(after)


if __name__ == "__main__":
    envelope._read_record = read_strictly
    run("notifications", notifications.main)
