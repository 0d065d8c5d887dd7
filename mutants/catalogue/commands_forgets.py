"""A commands worker whose approvals are not idempotent: each writes an event."""

from __future__ import annotations

from domain.changes import approve as approve_module
from mutants.catalogue import api_forgets
from mutants.model import Mutant
from workers import commands
from workers.process import run

MUTANT = Mutant("commands", {"commands-topic": "command_once"})


if __name__ == "__main__":
    approve_module.approve = api_forgets.approve
    run("commands", commands.main)
