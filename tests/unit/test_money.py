"""Test that money is exact, in whole minor units, and rounded half-up."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.currencies import IsoCurrencies
from domain.errors import InvalidField
from domain.money import MAX_AMOUNT, Currency, Money, parse_gross, strip_zeros

USD, JPY, KWD = Currency("USD", 2), Currency("JPY", 0), Currency("KWD", 3)


@pytest.mark.parametrize(
    ("gross", "currency", "rate", "expected"),
    [
        ("120.50", USD, "0.10", "12.05"),
        ("0.05", USD, "0.10", "0.01"),  # half a cent goes up
        ("0.04", USD, "0.10", "0.00"),
        ("105", JPY, "0.10", "11"),
        ("1.005", KWD, "0.10", "0.101"),
    ],
)
def test_a_product_is_rounded_half_up_to_the_minor_unit(
    gross: str, currency: Currency, rate: str, expected: str
) -> None:
    assert str(Money(Decimal(gross), currency).times(Decimal(rate))) == expected


@given(st.decimals(min_value="0.01", max_value=MAX_AMOUNT, places=2), st.decimals(min_value=0, max_value=1, places=6))
def test_rounding_never_moves_more_than_half_a_minor_unit(gross: Decimal, rate: Decimal) -> None:
    share = Money(gross, USD).times(rate).amount
    assert abs(share - gross * rate) <= Decimal("0.005")
    assert share == share.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


@pytest.mark.parametrize(
    "value", ["0", "-1", "NaN", "Infinity", "abc", "", "1" * 30, "120.505", "1e400", str(MAX_AMOUNT + 1)]
)
def test_only_a_positive_amount_in_whole_cents_is_accepted(value: str) -> None:
    with pytest.raises(InvalidField) as refused:
        parse_gross(value, USD)
    assert refused.value.field == "grossAmount"


@given(st.decimals(min_value="0.01", max_value=MAX_AMOUNT, places=2))
def test_parsing_keeps_an_amount_exactly(value: Decimal) -> None:
    assert parse_gross(str(value), USD).amount == value


def test_a_currency_has_its_own_number_of_decimals() -> None:
    assert parse_gross("105", JPY).amount == 105
    with pytest.raises(InvalidField, match="JPY has 0 decimal places"):
        parse_gross("105.5", JPY)


def test_the_currencies_are_those_of_iso_4217() -> None:
    currencies = IsoCurrencies()
    assert (currencies.get("USD"), currencies.get("JPY"), currencies.get("KWD")) == (USD, JPY, KWD)
    assert [currencies.get(code) for code in ("usd", "XXQ", "XAU", "US", "")] == [None] * 5


def test_a_rate_is_written_without_trailing_zeros() -> None:
    assert f"{strip_zeros(Decimal('0.100000')):f}" == "0.1"
    assert f"{strip_zeros(Decimal('1E+2')):f}" == "100"
