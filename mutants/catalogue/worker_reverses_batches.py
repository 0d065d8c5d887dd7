"""A notifications worker that processes the messages of each batch in reverse order."""

from __future__ import annotations

from connectors.broker import Received, Subscription
from mutants.model import Mutant
from workers import notifications
from workers.process import run


class ReversedSubscription(Subscription):
    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        return super().receive(limit, timeout_s)[::-1]


MUTANT = Mutant("notifications", {"kill-broker": "in_order", "restart-source": "in_order"})


if __name__ == "__main__":
    notifications.Subscription = ReversedSubscription
    run("notifications", notifications.main)
