"""A broker that accepts messages of 5 MiB, as Pulsar does unless it is told otherwise."""

from __future__ import annotations

from mutants.model import Mutant

MUTANT = Mutant(
    "broker",
    {"oversized-row": "published_what_was_committed"},
    broker_settings={"maxMessageSize": "5242880"},
)
