"""A notifications worker that does not hold the key of a failing event: later events of that commission overtake it."""

from __future__ import annotations

from connectors.broker import Received
from mutants.model import Mutant
from workers import notifications
from workers.process import run


class Overtaking(notifications.NotificationsWorker):
    def _take(self, batch: list[Received]) -> None:
        held, self._held = self._held, {}
        super()._take(batch)
        for key, value in self._held.items():
            if key in held:
                held[key].waiting.extend(value.waiting)
            else:
                held[key] = value
        self._held = held


MUTANT = Mutant("notifications", {"poison-message": "in_order"})


if __name__ == "__main__":
    notifications.NotificationsWorker = Overtaking
    run("notifications", notifications.main)
