"""Count what was lost, duplicated and reordered, and how long events took. This module is pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scenarios.percentiles import percentiles


@dataclass(frozen=True, slots=True)
class Committed:
    """An event whose transaction was committed. Times are microseconds since the epoch, of this machine's clock."""

    event_id: str
    aggregate_id: str
    version: int
    began_us: int
    """Before the first statement of its transaction."""
    committed_us: int
    """After the answer to COMMIT."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message as the consumer received it."""

    event_id: str
    aggregate_id: str
    version: int
    message_id: str
    received_us: int
    size: int
    """Bytes of its value."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the committed events, by what the consumer received."""

    committed: int
    received: int
    """Of the committed events; each counts once."""
    lost: int
    """Committed, and not received until the measurement gave up."""
    duplicates: int
    """Further messages of an event that was published already."""
    redeliveries: int
    """Messages that the broker delivered again, because it had not stored their acknowledgement. No publisher causes them."""
    reordered: int
    """Events whose first message was received after that of a later version of the same commission."""
    never_committed: int


def count(committed: Iterable[Committed], receipts: Sequence[Receipt]) -> Outcome:
    """Compare the committed events with the receipts, which are in the order of their arrival."""
    committed_ids = {event.event_id for event in committed}
    message_ids_of: dict[str, set[str]] = {}
    latest: dict[str, int] = {}
    redeliveries = reordered = 0
    for receipt in receipts:
        message_ids = message_ids_of.setdefault(receipt.event_id, set())
        if not message_ids:
            reordered += receipt.version < latest.get(receipt.aggregate_id, 0)
            latest[receipt.aggregate_id] = max(receipt.version, latest.get(receipt.aggregate_id, 0))
        redeliveries += receipt.message_id in message_ids
        message_ids.add(receipt.message_id)
    received = len(committed_ids & message_ids_of.keys())
    return Outcome(
        committed=len(committed_ids),
        received=received,
        lost=len(committed_ids) - received,
        duplicates=sum(len(message_ids) - 1 for message_ids in message_ids_of.values()),
        redeliveries=redeliveries,
        reordered=reordered,
        never_committed=len(message_ids_of.keys() - committed_ids),
    )


def measure_delays(committed: Iterable[Committed], receipts: Iterable[Receipt]) -> dict[str, float]:
    """Return {p50, p95, p99} of the milliseconds from the transaction's beginning to the first receipt of its event.

    Events that were not received have no time. Raises ValueError when none was received.
    """
    received_us = first_received_us(receipts)
    return percentiles(
        [(received_us[event.event_id] - event.began_us) / 1000 for event in committed if event.event_id in received_us]
    )


def first_received_us(receipts: Iterable[Receipt]) -> dict[str, int]:
    """Return {event id: when its first message was received}, in microseconds since the epoch."""
    received_us: dict[str, int] = {}
    for receipt in receipts:
        received_us.setdefault(receipt.event_id, receipt.received_us)
    return received_us
