"""A notifications worker that writes every notification with another amount: ids are right, contents are not."""

from __future__ import annotations

from domain.changes.calculate import CommissionCalculated
from mutants.model import Mutant
from workers import notifications
from workers.inbox import Effect, Inbox
from workers.process import run


class Garbling(Inbox):
    def _notification(self, effect: Effect) -> dict[str, object]:
        row = super()._notification(effect)
        row["payload"] = {"commissionId": effect.record.aggregate_id, "amount": "0.00", "currency": "XXX"}
        row["type"] = CommissionCalculated.type
        return row


MUTANT = Mutant("notifications", {"duplicate-command": "contents_unchanged"})


if __name__ == "__main__":
    notifications.Inbox = Garbling
    run("notifications", notifications.main)
