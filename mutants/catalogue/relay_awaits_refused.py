"""A relay that waits for the acknowledgement of a message that the broker refuses for its size."""

from __future__ import annotations

from connectors.flight import Flight
from connectors.relay import Relay
from mutants.model import Mutant
from workers import relay
from workers.process import run


class Waiting(Relay):
    def _park_refused(self, flight: Flight) -> None: ...


MUTANT = Mutant("relay", {"oversized-row": "check.big_row_dead_lettered"})


if __name__ == "__main__":
    relay.Relay = Waiting
    run("relay", relay.main)
