"""A relay that gives every approval a key of its own: nothing keeps the order of a commission's events any more."""

from __future__ import annotations

from dataclasses import replace

from connectors import envelope
from domain.outbox import OutboxRecord
from mutants.model import Mutant
from workers import relay
from workers.process import run

_encode = envelope.encode


def encode(record: OutboxRecord, now_ms: int) -> tuple[str, bytes]:
    key, value = _encode(record, now_ms)
    if record.aggregate_version > 1:
        key, _ = _encode(replace(record, aggregate_id=record.id), now_ms)
    return key, value


MUTANT = Mutant("relay", {"duplicate-command": "key_unchanged"})


if __name__ == "__main__":
    envelope.encode = encode
    run("relay", relay.main)
