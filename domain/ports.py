"""What the domain needs of the world, as protocols."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Protocol, Self

from domain.commission import Commission
from domain.money import Currency


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Now: naive UTC, microseconds."""
        ...


class NewId(Protocol):
    def __call__(self) -> str:
        """A UUID never given before, 36 characters."""
        ...


class Currencies(Protocol):
    def get(self, code: str) -> Currency | None:
        """The ISO 4217 currency, None where there is none in use by that code."""
        ...


class Rates(Protocol):
    def of(self, campaign_id: str) -> Decimal: ...


class Commissions(Protocol):
    def add(self, commission: Commission) -> None:
        """Raises DuplicateConversion."""
        ...

    def get(self, commission_id: str) -> Commission | None: ...

    def save(self, commission: Commission) -> None:
        """Raises ConcurrentChange when somebody else saved it since it was read."""
        ...


class UnitOfWork(Protocol):
    """One transaction: leaving it without `commit` undoes everything."""

    @property
    def commissions(self) -> Commissions: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def commit(self, correlation_id: str, traceparent: str | None) -> tuple[str, ...]:
        """Write the aggregates' state and their events' outbox rows in this one transaction; the rows' ids."""
        ...
