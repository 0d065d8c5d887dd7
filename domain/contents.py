"""Bring an event's contents into one form, so that outbox row, message, notification and audit line can be compared.

The schema `version` is not part of the form, because notifications and audit lines do not store it. Outbox row and message
are compared by contents and version.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.outbox import OutboxRecord

# Built once: `json.dumps` builds an encoder for each call, and a reconciliation encodes every event several times.
_COMPACT = json.JSONEncoder(separators=(",", ":"))
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Contents:
    event_id: str
    commission_id: str
    aggregate_version: int
    type: str
    payload: str
    """Canonical JSON text, see `canonical_json`."""
    correlation_id: str
    occurred_at: str
    """ISO 8601 in UTC with microseconds."""

    def digest(self) -> str:
        """Return 32 hexadecimal digits; equal contents have equal digests."""
        text = _COMPACT.encode(
            (
                self.event_id,
                self.commission_id,
                self.aggregate_version,
                self.type,
                self.payload,
                self.correlation_id,
                self.occurred_at,
            )
        )
        return hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def of_record(record: OutboxRecord) -> Contents:
    """Return the contents of an outbox row."""
    return Contents(
        record.id,
        record.aggregate_id,
        record.aggregate_version,
        record.type,
        canonical_json(record.payload),
        record.correlation_id,
        format_instant(record.occurred_at),
    )


def canonical_json(payload: str) -> str:
    """Return JSON text with sorted keys and without spaces: MySQL reorders keys and spells numbers in its own way.

    Text that is not JSON is returned unchanged, so that two copies of it still compare equal.
    """
    try:
        return canonical_value(json.loads(payload))
    except (ValueError, RecursionError):
        return payload


def canonical_value(payload: Any) -> str:
    """Return the canonical JSON text of a parsed payload. Raise RecursionError when it is nested too deep."""
    return _CANONICAL.encode(payload)


def format_instant(at: datetime) -> str:
    """Return a naive UTC time in the spelling of the audit lines."""
    return at.isoformat(timespec="microseconds") + "Z"


def payload_fields(payload: str) -> dict[str, str]:
    """Return a payload's members: name → value as canonical JSON. A payload that is no object is one member without a name."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return {"": payload}
    return {name: canonical_value(value) for name, value in document.items()}


def fields_of(event: Contents) -> dict[str, str]:
    """Return the fields of an event's contents as text, each member of its payload as a field of its own."""
    fields = {
        "commission_id": event.commission_id,
        "aggregate_version": str(event.aggregate_version),
        "type": event.type,
        "correlation_id": event.correlation_id,
        "occurred_at": event.occurred_at,
    }
    members = payload_fields(event.payload)
    return fields | {f"payload.{name}" if name else "payload": text[:200] for name, text in members.items()}
