"""Decide what the notifications worker must do with a message of the topics of events."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from typing import assert_never

from connectors import envelope
from connectors.broker import Received
from connectors.envelope import Decoded, Inserted, NamedEvent, Skipped, Unreadable
from domain import contract
from domain.changes import event_types
from domain.outbox import OutboxRecord
from workers.inbox import Effect
from workers.outcome import Ack, DeadLetter
from workers.policy import describe

SUBPROCESS_TIMEOUT_S = 20.0


def interpret(message: Received) -> Effect | Ack | DeadLetter:
    """Return the effect of a message, or why it has none. Raise MemoryError only."""
    try:
        return _interpret(message)
    except MemoryError:
        raise  # which says nothing of the message: it is tried again
    except Exception as error:  # decoding depends on the message only, so a retry would fail too
        return DeadLetter("unreadable", describe(error))


def _interpret(message: Received) -> Effect | Ack | DeadLetter:
    match envelope.decode(message.value):
        case Inserted(record=record, captured_us=captured_us):
            return _read_effect(message, record, captured_us)
        case Skipped():
            return Ack("skipped")
        case Unreadable(reason=reason, detail=detail):
            return DeadLetter(reason, detail)
        case other:
            assert_never(other)


def find_event(message: Received) -> NamedEvent | None:
    """Return the event that a message names, even when its contents cannot be used: its dead letter names it. Raise nothing."""
    try:
        return _get_event(envelope.decode(message.value))
    except Exception:
        return None


def decode_in_subprocess(message: Received) -> OutboxRecord | None:
    """Return the outbox row in a message, decoded in a new process, because decoding it may be what ended this worker.

    None when the message has no row or cannot be decoded.
    """
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "workers.reading"],
            input=message.value,
            capture_output=True,
            timeout=SUBPROCESS_TIMEOUT_S,
            check=True,
        )
        values = json.loads(answer.stdout)
        return OutboxRecord(**{**values, "occurred_at": datetime.fromisoformat(values["occurred_at"])})
    except (OSError, ValueError, TypeError, KeyError, subprocess.SubprocessError):
        return None


def _get_event(decoded: Decoded) -> NamedEvent | None:
    match decoded:
        case Inserted(record=record):
            return record
        case Unreadable(event=event):
            return event
        case Skipped():
            return None
        case other:
            assert_never(other)


def _read_effect(message: Received, record: OutboxRecord, captured_us: int) -> Effect | DeadLetter:
    event = event_types().get(record.type)
    if event is None:
        return DeadLetter("unknown_event", f"the event type {record.type!a} is unknown")
    if event.version != record.version:
        return DeadLetter(
            "unknown_version", f"{record.type} has version {record.version}; this worker reads version {event.version}"
        )
    try:
        payload = contract.read_payload(record.payload)
    except contract.ContractError as error:
        return DeadLetter("bad_payload", f"the payload breaks the contract: {error}")
    if not isinstance(payload, dict) or payload.get("commissionId") != record.aggregate_id:
        return DeadLetter("bad_payload", "the payload is not an object that names its commission")
    return Effect(message, record, captured_us, payload)


def _main() -> None:
    decoded = envelope.decode(sys.stdin.buffer.read())
    if isinstance(decoded, Inserted):
        names = OutboxRecord.__slots__
        sys.stdout.write(json.dumps({name: getattr(decoded.record, name) for name in names}, default=str))


if __name__ == "__main__":
    _main()
