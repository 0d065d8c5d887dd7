"""Test the verbs calculate, approve and query on a database without any running component."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from application.permissions import Forbidden
from cli.commissions import approve, calculate, query
from cli.output import Failed
from domain.errors import DuplicateConversion, UnknownCommission
from settings import Settings
from tests.unit.cli.conftest import Found


def test_a_commission_is_calculated_approved_and_queried(settings: Settings, printed: Callable[[], Any]) -> None:
    calculate("120.50", conversion="conv-1", json=True)
    calculated = printed()
    assert (calculated["status"], calculated["amount"], calculated["changed"]) == ("CALCULATED", "12.05", True)
    approve(calculated["commission_id"], json=True)
    assert printed()["status"] == "APPROVED"
    query("conv-1", json=True)
    assert (row := printed())["status"] == "APPROVED"
    assert row["id"] == calculated["commission_id"]


def test_a_repeated_approval_says_that_nothing_was_written(
    settings: Settings, printed: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    calculate("1.00", conversion="conv-1", json=True)
    commission_id = printed()["commission_id"]
    approve(commission_id)
    assert "with outbox row" in capsys.readouterr().out
    approve(commission_id)
    assert "nothing was written" in capsys.readouterr().out


def test_two_calls_without_a_conversion_are_two_conversions(settings: Settings, printed: Callable[[], Any]) -> None:
    calculate("1.00", json=True)
    first = printed()
    calculate("1.00", json=True)
    assert printed()["conversion_id"] != first["conversion_id"]


def test_the_refusals_of_the_domain_reach_the_caller(settings: Settings) -> None:
    calculate("1.00", conversion="conv-1", json=True)
    with pytest.raises(DuplicateConversion):
        calculate("2.00", conversion="conv-1", json=True)
    with pytest.raises(UnknownCommission):
        approve("nobody")
    with pytest.raises(Failed, match="no commission for conversion nothing"):
        query("nothing")


def test_without_a_database_the_verb_says_what_creates_it(tmp_path: Path, found: Found) -> None:
    found(Settings(home=tmp_path, stack="external"))
    with pytest.raises(Failed, match=r"\./alpes up"):
        calculate("1.00")


def test_a_read_only_instance_is_queried_and_not_changed(
    settings: Settings, found: Found, printed: Callable[[], Any]
) -> None:
    calculate("1.00", conversion="conv-1", json=True)
    commission_id = printed()["commission_id"]
    found(settings.model_copy(update={"read_only": True}))
    with pytest.raises(Forbidden):
        calculate("1.00")
    with pytest.raises(Forbidden):
        approve(commission_id)
    query("conv-1", json=True)
    assert printed()["status"] == "CALCULATED"
