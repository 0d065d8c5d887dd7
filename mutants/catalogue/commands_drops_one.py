"""A commands worker that acknowledges some command without handling it."""

from __future__ import annotations

import zlib

from application import Application
from connectors.broker import Received
from mutants.model import Mutant
from workers import commands
from workers.outcome import Ack, Outcome
from workers.process import run

EVERY = 9
_handle = commands.handle


def handle(application: Application, message: Received) -> Outcome:
    if zlib.crc32(message.value) % EVERY == 0:
        return Ack("applied")
    return _handle(application, message)


MUTANT = Mutant("commands", {"commands-topic": "acknowledged_is_committed"})


if __name__ == "__main__":
    commands.handle = handle
    run("commands", commands.main)
