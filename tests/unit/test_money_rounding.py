"""Test rounding and parsing against integer arithmetic, in currencies of 0, 2 and 3 decimals."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.errors import InvalidField
from domain.money import MAX_AMOUNT, Currency, Money, parse_gross

USD, JPY, KWD = Currency("USD", 2), Currency("JPY", 0), Currency("KWD", 3)
currencies = st.sampled_from([USD, JPY, KWD])


@given(currencies, st.integers(1, int(MAX_AMOUNT)), st.integers(0, 1_000_000))
@example(USD, 5, 100_000)
@example(JPY, 1, 500_000)
@example(KWD, 3, 500_000)
@example(KWD, int(MAX_AMOUNT), 999_999)
def test_a_product_is_rounded_half_up_to_the_minor_unit(currency: Currency, units: int, millionths: int) -> None:
    gross = Money(Decimal(units).scaleb(-currency.minor_units), currency)
    product = gross.times(Decimal(millionths).scaleb(-6))
    # Twice the exact value, one more, halved downwards: half a unit goes up, less goes down.
    rounded = (2 * units * millionths + 1_000_000) // 2_000_000
    assert product == Money(Decimal(rounded).scaleb(-currency.minor_units), currency)
    assert product.amount.as_tuple().exponent == -currency.minor_units


@given(currencies, st.integers(1, int(MAX_AMOUNT)))
def test_every_whole_number_of_minor_units_is_accepted(currency: Currency, units: int) -> None:
    stated = Decimal(units).scaleb(-currency.minor_units)
    assert parse_gross(f"{stated:f}", currency) == Money(stated, currency)
    assert str(parse_gross(stated, currency)) == f"{stated:f}"


@given(currencies, st.integers(1, 10**9), st.integers(1, 9))
def test_an_amount_finer_than_the_minor_unit_is_refused_and_not_rounded(
    currency: Currency, units: int, rest: int
) -> None:
    too_fine = Decimal(units * 10 + rest).scaleb(-currency.minor_units - 1)
    with pytest.raises(InvalidField, match=f"{currency.code} has {currency.minor_units} decimal places"):
        parse_gross(too_fine, currency)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Decimal("NaN"), "finite"),
        (Decimal("sNaN"), "finite"),
        ("nan", "decimal number"),
        (Decimal("Infinity"), "finite"),
        ("-Infinity", "decimal number"),
        (0, "greater than zero"),
        ("0.00", "greater than zero"),
        (Decimal("-0.0"), "greater than zero"),
        (-1, "greater than zero"),
        ("-120.50", "greater than zero"),
        (10**29, "at most"),
        ("9" * 30, "at most"),
        (Decimal("1E+28"), "at most"),
        (MAX_AMOUNT + 1, "at most"),
        ("1e-30", "decimal number"),
        ("0.001", "decimal places"),
        ("twelve", "decimal number"),
        ("12,50", "decimal number"),
        ("0x1F", "decimal number"),
        ("", "decimal number"),
        ("1e99999999999999999999", "decimal number"),
    ],
)
def test_a_refusal_states_its_reason(value: Decimal | str | int, reason: str) -> None:
    with pytest.raises(InvalidField, match=reason) as refused:
        parse_gross(value, USD)
    assert refused.value.field == "grossAmount"


@pytest.mark.parametrize(("currency", "value"), [(JPY, "0.5"), (KWD, "0.0005"), (USD, "0.005")])
def test_half_a_minor_unit_is_refused(currency: Currency, value: str) -> None:
    with pytest.raises(InvalidField):
        parse_gross(value, currency)


@pytest.mark.parametrize("text", ["1_000", " 12 ", "12\n", "１２", "١٢", "+5", "5.", ".5"])
def test_a_text_must_be_spelled_as_the_contract_asks(text: str) -> None:
    with pytest.raises(InvalidField):
        parse_gross(text, USD)
