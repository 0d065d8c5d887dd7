"""Provide stand-ins for what the domain and the workers need from outside."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Self

from connectors.broker import BrokerUnavailable, Received
from connectors.sending import Sent
from db.hops import Timing
from domain.commission import Commission
from domain.errors import ConcurrentChange, DuplicateConversion
from domain.events import Event
from domain.money import Currency
from domain.ports import Dependencies

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456)
CURRENCIES = {"USD": Currency("USD", 2), "JPY": Currency("JPY", 0), "KWD": Currency("KWD", 3)}


class FixedRates:
    def of(self, campaign_id: str) -> Decimal:
        return Decimal("0.25") if campaign_id == "cmp-quarter" else Decimal("0.10")


class SomeCurrencies:
    def get(self, code: str) -> Currency | None:
        return CURRENCIES.get(code)


def dependencies() -> Dependencies:
    seconds, numbers = itertools.count(), itertools.count(1)
    return Dependencies(
        clock=lambda: NOON + timedelta(seconds=next(seconds)),
        new_id=lambda: f"id-{next(numbers)}",
        currencies=SomeCurrencies(),
        rates=FixedRates(),
    )


@dataclass
class Store:
    """What committed transactions have written."""

    commissions: dict[str, Commission] = field(default_factory=dict)
    outbox: list[Event] = field(default_factory=list)


class MemoryUnitOfWork:
    """A unit of work in memory: changes reach the store at commit only."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.commissions = MemoryCommissions(store)

    def __enter__(self) -> Self:
        self.commissions = MemoryCommissions(self.store)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def commit(self, correlation_id: str, traceparent: str | None) -> tuple[str, ...]:
        ids = []
        for commission in self.commissions.changed:
            for event in commission.events:
                self.store.outbox.append(event)
                ids.append(f"event-{len(self.store.outbox)}")
            commission.events.clear()
            self.store.commissions[commission.id] = copy.deepcopy(commission)
        return tuple(ids)


class MemoryCommissions:
    def __init__(self, store: Store) -> None:
        self._store = store
        self.changed: list[Commission] = []

    def add(self, commission: Commission) -> None:
        for known in self._store.commissions.values():
            if known.conversion_id == commission.conversion_id:
                raise DuplicateConversion(commission.conversion_id, known.id)
        self.changed.append(commission)

    def get(self, commission_id: str) -> Commission | None:
        return copy.deepcopy(self._store.commissions.get(commission_id))

    def save(self, commission: Commission) -> None:
        if self._store.commissions[commission.id].version != commission.version - len(commission.events):
            raise ConcurrentChange(commission.id)
        self.changed.append(commission)


class ListInlet:
    """Deliver messages from a list and remember what was acknowledged."""

    generation = 1

    def __init__(self, *batches: list[Received]) -> None:
        self.batches = list(batches)
        self.acknowledged: list[str] = []

    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        return self.batches.pop(0) if self.batches else []

    def acknowledge(self, batch: Sequence[Received]) -> None:
        self.acknowledged += [message.message_id for message in batch]

    def drop(self) -> None:
        pass


class ListOutlet:
    def __init__(self, failures: int = 0) -> None:
        self.sent: list[tuple[bytes, str | None, dict[str, str]]] = []
        self.failures = failures

    def send(self, value: bytes, key: str | None = None, properties: Mapping[str, str] | None = None) -> str:
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable("not now")
        self.sent.append((value, key, dict(properties or {})))
        return f"({len(self.sent)},0)"


class Measurements:
    def __init__(self) -> None:
        self.passed: list[Timing] = []

    def add(self, passed: Sequence[Timing]) -> None:
        self.passed.extend(passed)


class FakePublisher:
    """A producer whose acknowledgements come from the test."""

    def __init__(self) -> None:
        self.generation = 1
        self.connected = True
        self.largest = 1_000_000
        self.sent: list[tuple[bytes, str | None]] = []
        self.pending: list[Callable[[Sent, str], None]] = []

    def ensure_connected(self) -> bool:
        return self.connected

    def drop(self) -> None:
        self.generation += 1
        self.pending.clear()

    def send_async(
        self, value: bytes, key: str | None, properties: Mapping[str, str], done: Callable[[Sent, str], None]
    ) -> None:
        if len(value) > self.largest:
            done(Sent.REFUSED, "MessageTooBig")
            return
        self.sent.append((value, key))
        self.pending.append(done)

    def acknowledge(self, count: int | None = None, outcome: Sent = Sent.ACKNOWLEDGED) -> None:
        taken = self.pending[:count]
        del self.pending[:count]
        for done in taken:
            done(outcome, outcome.name)
