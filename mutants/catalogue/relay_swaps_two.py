"""A relay that sends a commission's approval before its calculation."""

from __future__ import annotations

from connectors.relay import Feed, Relay
from domain.outbox import OutboxRecord, UnreadableRow
from mutants.model import Mutant
from workers import relay
from workers.process import run


class Swapping(Relay):
    def step(self) -> bool:
        feed = self._feed
        if not isinstance(feed, _Swapped):
            self._feed = _Swapped(feed)
        return super().step()


class _Swapped:
    """Holds a calculation back until its approval is there, and hands it out after it, under the approval's `seq`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]:
        records = self._feed.after(seq, limit)
        by_commission: dict[str, list[int]] = {}
        for place, record in enumerate(records):
            by_commission.setdefault(record.aggregate_id, []).append(place)
        for places in by_commission.values():
            if len(places) == 2:
                first, second = places
                records[first], records[second] = records[second], records[first]
        return records

    def load_checkpoint(self) -> int:
        return self._feed.load_checkpoint()

    def save_checkpoint(self, seq: int) -> None:
        self._feed.save_checkpoint(seq)

    def park(self, seq: int, reason: str, detail: str) -> bool:
        return self._feed.park(seq, reason, detail)


MUTANT = Mutant("relay", {"restart-source": "in_order", "kill-broker": "in_order"})


if __name__ == "__main__":
    relay.Relay = Swapping
    run("relay", relay.main)
