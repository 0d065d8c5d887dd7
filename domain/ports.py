"""Define what the domain needs from outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Protocol, Self

from domain.commission import Commission
from domain.money import Currency


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Return the present time: naive UTC with microseconds."""
        ...


class NewId(Protocol):
    def __call__(self) -> str:
        """Return a new UUID, 36 characters."""
        ...


class Currencies(Protocol):
    def get(self, code: str) -> Currency | None:
        """Return the ISO 4217 currency, None when no currency in use has that code."""
        ...


class Rates(Protocol):
    def of(self, campaign_id: str) -> Decimal:
        """Return the commission rate of a campaign, for example 0.1."""
        ...


class Commissions(Protocol):
    def add(self, commission: Commission) -> None:
        """Insert a new commission. Raise DuplicateConversion."""
        ...

    def get(self, commission_id: str) -> Commission | None: ...

    def save(self, commission: Commission) -> None:
        """Update the commission. Raise ConcurrentChange when another transaction saved it after it was read."""
        ...


class UnitOfWork(Protocol):
    """One transaction: leaving it without `commit` rolls it back."""

    @property
    def commissions(self) -> Commissions: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def commit(self, correlation_id: str, traceparent: str | None) -> tuple[str, ...]:
        """Write the aggregates' state and the outbox rows of their events in this transaction; return the rows' ids."""
        ...


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What every handler needs besides its command and the unit of work."""

    clock: Clock
    new_id: NewId
    currencies: Currencies
    rates: Rates
