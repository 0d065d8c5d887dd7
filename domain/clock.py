"""Convert between naive UTC times, which tables and envelopes hold, and microseconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1)


def utc_now() -> datetime:
    """Return the present time: naive UTC with microseconds."""
    return datetime.now(UTC).replace(tzinfo=None)


def epoch_us(at: datetime) -> int:
    """Return the microseconds from the epoch to a naive UTC time."""
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_epoch_us(us: int) -> datetime:
    """Return the naive UTC time of microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=us)
