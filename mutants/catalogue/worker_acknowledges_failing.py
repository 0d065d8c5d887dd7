"""A notifications worker that acknowledges a failing event when it holds it, and has it in its memory alone."""

from __future__ import annotations

from mutants.model import Mutant
from workers import notifications
from workers.inbox import Effect
from workers.outcome import DeadLetter, Retry, Wait
from workers.process import run


class Relieved(notifications.NotificationsWorker):
    def _hold(self, effect: Effect, problem: Wait | Retry | DeadLetter) -> None:
        super()._hold(effect, problem)
        self._inlet.acknowledge([effect.message])

    def _retry_held(self) -> None:
        self._stop.wait(0.25 if self._held else 0)  # the client sends acknowledgements in groups
        super()._retry_held()


MUTANT = Mutant("notifications", {"kill-worker": "nothing_lost"})


if __name__ == "__main__":
    notifications.NotificationsWorker = Relieved
    run("notifications", notifications.main)
