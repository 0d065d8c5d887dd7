"""A relay that counts what it has sent as acknowledged: what the broker then loses, it does not send again."""

from __future__ import annotations

from connectors.relay import Relay
from mutants.model import Mutant
from workers import relay
from workers.process import run


class Ahead(Relay):
    def _acknowledged_seq(self) -> int:
        return self._sent


MUTANT = Mutant("relay", {"kill-broker": "published_what_was_committed"})


if __name__ == "__main__":
    relay.Relay = Ahead
    run("relay", relay.main)
