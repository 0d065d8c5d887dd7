"""Represent money as an exact decimal amount in a currency, always in whole minor units."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext

from domain.errors import InvalidField
from domain.message import Message

MAX_AMOUNT = Decimal(999999999999999)
"""Fifteen integer digits: they fit into the DECIMAL(19, 4) columns in every currency."""

_SPELLING = re.compile(r"-?[0-9]+(\.[0-9]+)?")
"""A plain decimal number. `Decimal` would also accept 1_000, +5, digits of other scripts and surrounding blanks."""


@dataclass(frozen=True, slots=True)
class Currency:
    code: str
    """ISO 4217 alphabetic code."""
    minor_units: int
    """Decimal places of the smallest unit: 2 for USD, 0 for JPY, 3 for KWD."""

    @property
    def quantum(self) -> Decimal:
        """The smallest unit as a decimal: 0.01 for USD."""
        return Decimal(1).scaleb(-self.minor_units)


@dataclass(frozen=True, slots=True)
class Money:
    amount: Decimal
    currency: Currency

    def times(self, rate: Decimal) -> Money:
        """Return the product, rounded half-up to the currency's minor unit."""
        with localcontext() as context:
            context.prec = 40
            product = (self.amount * rate).quantize(self.currency.quantum, rounding=ROUND_HALF_UP)
        return Money(product, self.currency)

    def __str__(self) -> str:
        return f"{self.amount:f}"


def parse_gross(value: Decimal | str | int, currency: Currency, field: str = "grossAmount") -> Money:
    """Return the amount of a conversion.

    Raise InvalidField when it is not a number, not positive, over MAX_AMOUNT, or has more decimals than the currency's minor
    unit: rounding would change an amount that the sender stated.
    """
    if isinstance(value, str) and not _SPELLING.fullmatch(value):
        raise InvalidField(field, Message("field.decimal_such_as"))
    try:
        amount = Decimal(value)
    except (InvalidOperation, ValueError):
        raise InvalidField(field, Message("field.decimal")) from None
    if not amount.is_finite():
        raise InvalidField(field, Message("field.finite"))
    if amount <= 0:
        raise InvalidField(field, Message("field.positive"))
    if amount > MAX_AMOUNT:
        raise InvalidField(field, Message("field.at_most", n=int(MAX_AMOUNT)))
    with localcontext() as context:
        context.prec = 60
        exact = amount.quantize(currency.quantum)
    if exact != amount:
        raise InvalidField(field, Message("field.decimal_places", code=currency.code, n=currency.minor_units))
    return Money(exact, currency)


def strip_zeros(value: Decimal) -> Decimal:
    """Return the same number without trailing zeros and without an exponent: 0.1 for 0.10."""
    return Decimal(f"{value.normalize():f}")
