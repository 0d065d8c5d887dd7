"""An observer that begins with the newest message after each connection, and never sees what came meanwhile."""

from __future__ import annotations

from typing import Any

import pulsar

from connectors.broker import Subscription
from mutants.model import Mutant
from workers import observer
from workers.process import run


class Forgetful(Subscription):
    def _open(self, client: pulsar.Client) -> Any:
        spare = super()._open(client)
        spare.unsubscribe()
        self._name = f"{self._name}-again"
        return client.subscribe(
            self._topics, self._name, initial_position=pulsar.InitialPosition.Latest, receiver_queue_size=200
        )


MUTANT = Mutant("observer", {"kill-broker": "published_what_was_committed"})


if __name__ == "__main__":
    observer.Subscription = Forgetful
    run("observer", observer.main)
