"""A notifications worker whose process ends, without a word, whenever it handles a certain event."""

from __future__ import annotations

import os

from domain.outbox import OutboxRecord
from workers import notifications
from workers.injected import Injected
from workers.process import run

FATAL = "9999.99"
"""Whatever is calculated of this gross amount is fatal."""


class Killer(Injected):
    def check(self, record: OutboxRecord) -> None:
        super().check(record)
        if FATAL in record.payload:
            os._exit(137)


if __name__ == "__main__":
    notifications.Injected = Killer
    run("notifications", notifications.main)
