"""Define what one kind of change consists of: a command, the event that it raises, and the handler between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from decimal import Decimal
from functools import cache
from types import NoneType
from typing import Any, ClassVar, Protocol, get_args, get_type_hints

from domain.commission import Commission
from domain.events import Event
from domain.ports import Dependencies, UnitOfWork


class Command(Protocol):
    """A frozen dataclass. Its fields without a default are required."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def correlation_id(self) -> str | None:
        """Groups the events of one request or run; a new id when absent."""
        ...

    @property
    def traceparent(self) -> str | None:
        """W3C trace context of the request."""
        ...


@dataclass(frozen=True, slots=True)
class CommissionResult:
    """The state of the commission after a command."""

    commission_id: str
    conversion_id: str
    status: str
    amount: Decimal
    currency: str
    rate: Decimal
    version: int
    changed: bool
    """False when the commission was in that state already: nothing was written."""
    event_ids: tuple[str, ...]
    """Ids of the outbox rows that the command wrote."""

    @classmethod
    def of(cls, commission: Commission, event_ids: tuple[str, ...]) -> CommissionResult:
        return cls(
            commission_id=commission.id,
            conversion_id=commission.conversion_id,
            status=commission.status,
            amount=commission.amount.amount,
            currency=commission.amount.currency.code,
            rate=commission.rate,
            version=commission.version,
            changed=bool(event_ids),
            event_ids=event_ids,
        )


@dataclass(frozen=True, slots=True)
class CommandField:
    """A field of a command, as a JSON message and an HTTP body carry it."""

    attribute: str
    name: str
    """Its name in JSON: `conversionId` for the attribute `conversion_id`."""
    types: tuple[type, ...]
    required: bool


@dataclass(frozen=True, slots=True)
class Change:
    name: str
    """The command's name in messages of the commands topic, in the API's paths and in the metrics."""
    command: type[Command]
    event: type[Event]
    handle: Callable[[Any, UnitOfWork, Dependencies], CommissionResult]
    """Validates the command, lets the commission change, commits, and returns the result. Raises Refusal."""


@cache
def fields_of(command: type[Command]) -> tuple[CommandField, ...]:
    """Return the fields of a command type, in the order of their declaration."""
    hints = get_type_hints(command)
    return tuple(
        CommandField(field.name, _to_camel_case(field.name), _list_types(hints[field.name]), field.default is MISSING)
        for field in fields(command)
    )


def _list_types(hint: Any) -> tuple[type, ...]:
    return tuple(kind for kind in get_args(hint) or (hint,) if kind is not NoneType)


def _to_camel_case(name: str) -> str:
    first, *following = name.split("_")
    return first + "".join(word.capitalize() for word in following)
