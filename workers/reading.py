"""What a message on the events topics asks the notifications worker to do."""

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
from domain.outbox import KNOWN_EVENTS, OutboxRecord
from workers.inbox import Effect
from workers.outcome import Ack, DeadLetter

ASIDE_S = 20.0


def read(message: Received) -> Effect | Ack | DeadLetter:
    match envelope.decode(message.value):
        case Inserted(record=record, captured_us=captured_us):
            problem = _unknown(record)
            return Effect(message, record, captured_us) if problem is None else problem
        case Skipped():
            return Ack("skipped")
        case Unreadable(reason=reason, detail=detail):
            return DeadLetter(reason, detail)
        case other:
            assert_never(other)


def event_of(message: Received) -> NamedEvent | None:
    """The event that a message tells of, whether it is understood or not: its dead letter names it. Raises nothing."""
    try:
        return _event(envelope.decode(message.value))
    except Exception:
        return None


def record_aside(message: Received) -> OutboxRecord | None:
    """The row that a message tells of, read in a process of its own: this message has ended processes, and to read it may
    be what did."""
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "workers.reading"],
            input=message.value,
            capture_output=True,
            timeout=ASIDE_S,
            check=True,
        )
        values = json.loads(answer.stdout)
        return OutboxRecord(**{**values, "occurred_at": datetime.fromisoformat(values["occurred_at"])})
    except (OSError, ValueError, TypeError, KeyError, subprocess.SubprocessError):
        return None


def _event(decoded: Decoded) -> NamedEvent | None:
    match decoded:
        case Inserted(record=record):
            return record
        case Unreadable(event=event):
            return event
        case Skipped():
            return None
        case other:
            assert_never(other)


def _unknown(record: OutboxRecord) -> DeadLetter | None:
    version = KNOWN_EVENTS.get(record.type)
    if version is None:
        return DeadLetter("unknown_event", f"no event {record.type!a} is known")
    if version != record.version:
        return DeadLetter("unknown_version", f"{record.type} version {record.version}; understood is {version}")
    try:
        payload = contract.read_payload(record.payload)
    except contract.ContractError as error:
        return DeadLetter("bad_payload", f"the payload breaks the contract: {error}")
    if not isinstance(payload, dict) or payload.get("commissionId") != record.aggregate_id:
        return DeadLetter("bad_payload", "the payload is not an object that names its commission")
    return None


def _main() -> None:
    decoded = envelope.decode(sys.stdin.buffer.read())
    if isinstance(decoded, Inserted):
        names = OutboxRecord.__slots__
        sys.stdout.write(json.dumps({name: getattr(decoded.record, name) for name in names}, default=str))


if __name__ == "__main__":
    _main()
