"""An observer that does not record some of the messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mutants.model import Mutant
from workers import observer
from workers.observer_records import Observed
from workers.observer_store import ObserverStore
from workers.process import run

EVERY = 4


class Leaky(ObserverStore):
    def record(self, batch: Sequence[Observed], event_topics: Collection[str]) -> None:
        super().record([message for message in batch if (message.seq or 1) % EVERY], event_topics)


MUTANT = Mutant("observer", {"duplicate-command": "published_what_was_committed"})


if __name__ == "__main__":
    observer.ObserverStore = Leaky
    run("observer", observer.main)
