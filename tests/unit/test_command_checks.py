"""Test the checks of a command's fields: the refusal names the field."""

from __future__ import annotations

import pytest

from domain.command_checks import check_identifier, check_traceparent, choose_correlation_id, find_currency
from domain.errors import InvalidField
from tests.fakes import SomeCurrencies, dependencies


def test_a_missing_correlation_id_is_replaced_by_a_new_one_and_a_given_one_is_kept() -> None:
    deps = dependencies()
    assert choose_correlation_id(None, deps) != choose_correlation_id(None, deps)
    assert choose_correlation_id("run-7", deps) == "run-7"


@pytest.mark.parametrize(
    ("check", "field"),
    [
        (lambda: check_identifier("campaignId", ""), "campaignId"),
        (lambda: choose_correlation_id("a b", dependencies()), "correlationId"),
        (lambda: check_traceparent("00-x"), "traceparent"),
        (lambda: find_currency("usd", SomeCurrencies()), "currency"),
    ],
)
def test_a_refusal_names_its_field(check: object, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check()  # type: ignore[operator]
    assert refused.value.field == field


def test_no_trace_is_a_trace_that_may_be_absent() -> None:
    assert check_traceparent(None) is None
