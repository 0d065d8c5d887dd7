"""A notifications worker whose process ends, without a word, whenever it handles a certain event."""

from __future__ import annotations

import os

from domain.outbox import OutboxRecord
from mutants.model import Mutant
from workers import notifications
from workers.injected import InjectedFaults
from workers.process import run

FATAL = "417.06"
"""An event with this gross amount is fatal. A load with the seed 1 has it once."""


class Killer(InjectedFaults):
    def apply(self, record: OutboxRecord) -> None:
        super().apply(record)
        if f'"{FATAL}"' in record.payload:
            os._exit(137)


MUTANT = Mutant("notifications", {"eventual-consistency": "no_dead_letter"})


if __name__ == "__main__":
    notifications.InjectedFaults = Killer
    run("notifications", notifications.main)
