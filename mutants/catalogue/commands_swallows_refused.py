"""A commands worker that acknowledges a command that it cannot obey, and tells nobody."""

from __future__ import annotations

from application import Application
from connectors.broker import Received
from mutants.model import Mutant
from workers import commands
from workers.outcome import Ack, DeadLetter, Outcome
from workers.process import run

_handle = commands.handle


def handle(application: Application, message: Received) -> Outcome:
    outcome = _handle(application, message)
    return Ack("skipped") if isinstance(outcome, DeadLetter) else outcome


MUTANT = Mutant("commands", {"commands-topic": "check.refused_dead_lettered"})


if __name__ == "__main__":
    commands.handle = handle
    run("commands", commands.main)
