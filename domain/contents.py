"""The contents of an event in one form, so that outbox row, message, notification and audit line can be compared.

The schema `version` is not part of it: notifications and audit lines do not keep it. Outbox row and message are compared by
contents and version.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.outbox import OutboxRecord

# Made once: `json.dumps` makes an encoder for each call, and a reconciliation makes some of them for each event.
_COMPACT = json.JSONEncoder(separators=(",", ":"))
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Contents:
    event_id: str
    commission_id: str
    aggregate_version: int
    type: str
    payload: str
    """Canonical JSON text, see `canonical`."""
    correlation_id: str
    occurred_at: str
    """ISO 8601 in UTC with microseconds."""

    def digest(self) -> str:
        """32 hexadecimal digits; equal contents have equal digests."""
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
    return Contents(
        record.id,
        record.aggregate_id,
        record.aggregate_version,
        record.type,
        canonical(record.payload),
        record.correlation_id,
        instant(record.occurred_at),
    )


def canonical(payload: str) -> str:
    """JSON text with sorted keys and no spaces: MySQL reorders keys and writes numbers its own way.

    Text that is not JSON is returned as it is, so that two copies of it still compare equal.
    """
    try:
        return canonical_value(json.loads(payload))
    except (ValueError, RecursionError):
        return payload


def canonical_value(payload: Any) -> str:
    """The same of a parsed payload. Raises RecursionError for one nested too deep."""
    return _CANONICAL.encode(payload)


def instant(at: datetime) -> str:
    """A naive UTC time as audit lines write it."""
    return at.isoformat(timespec="microseconds") + "Z"


def payload_fields(payload: str) -> dict[str, str]:
    """Name → value as JSON of a canonical payload's members; one member without a name where it is no object."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return {"": payload}
    return {name: canonical_value(each) for name, each in value.items()}
