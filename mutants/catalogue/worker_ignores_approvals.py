"""A notifications worker that knows the first event of a commission only, and skips the others."""

from __future__ import annotations

from connectors.broker import Received
from domain.changes.approve import CommissionApproved
from mutants.model import Mutant
from workers import notifications
from workers.inbox import Effect
from workers.outcome import Ack, DeadLetter
from workers.process import run

_interpret = notifications.interpret


def interpret(message: Received) -> Effect | Ack | DeadLetter:
    outcome = _interpret(message)
    if isinstance(outcome, Effect) and outcome.record.type == CommissionApproved.type:
        return Ack("skipped")
    return outcome


MUTANT = Mutant("notifications", {"duplicate-command": "nothing_lost"})


if __name__ == "__main__":
    notifications.interpret = interpret
    run("notifications", notifications.main)
