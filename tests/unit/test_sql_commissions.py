"""Test how commissions are loaded and saved: exactly, once, and only when nobody changed them meanwhile."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import Connection, Engine, func, select, update

from db.engine import READ
from db.repositories import SqlCommissions
from db.tables import commission as table
from domain.changes.approve import CommissionApproved
from domain.commission import Commission
from domain.errors import ConcurrentChange, DuplicateConversion, InvalidField
from domain.money import Currency, Money
from tests.fakes import NOON, SomeCurrencies


def repository(connection: Connection) -> SqlCommissions:
    return SqlCommissions(connection, SomeCurrencies())


def add(connection: Connection, commission: Commission) -> None:
    commissions = repository(connection)
    commissions.add(commission)
    commissions.write_added()


def calculated(number: int = 1, gross: str = "120.50", currency: Currency | None = None) -> Commission:
    money = Money(Decimal(gross), currency or Currency("USD", 2))
    return Commission(
        id=f"c-{number}",
        conversion_id=f"conv-{number}",
        affiliate_id="aff-1",
        campaign_id="cmp-1",
        gross=money,
        rate=Decimal("0.123456"),
        amount=money,
        created_at=NOON,
        updated_at=NOON,
        status="CALCULATED",
        version=1,
    )


def approve(commission: Commission) -> None:
    amount, currency = commission.amount.amount, commission.amount.currency.code
    commission.apply(
        CommissionApproved(commission.id, commission.version + 1, NOON, commission.conversion_id, amount, currency)
    )


@pytest.mark.parametrize(("gross", "code", "digits"), [("120.50", "USD", 2), ("7", "JPY", 0), ("0.001", "KWD", 3)])
def test_a_commission_is_read_as_it_was_added(engine: Engine, gross: str, code: str, digits: int) -> None:
    added = calculated(gross=gross, currency=Currency(code, digits))
    with engine.begin() as connection:
        add(connection, added)
    with engine.connect().execution_options(**READ) as connection:
        read = repository(connection).get("c-1")
    assert read == added
    assert read is not None
    assert (str(read.gross.amount), str(read.rate)) == (gross, "0.123456")  # no digit more than was given


def test_there_is_no_commission_of_an_unknown_id(engine: Engine) -> None:
    with engine.connect().execution_options(**READ) as connection:
        assert repository(connection).get("c-1") is None


def test_only_what_was_written_here_is_seen_by_the_unit_of_work(engine: Engine) -> None:
    first, second = calculated(1), calculated(2)
    with engine.begin() as connection:
        commissions = repository(connection)
        commissions.add(first)
        commissions.add(second)
        commissions.get("c-1")
        assert commissions.changed == [first, second]


def test_a_second_commission_of_a_conversion_is_told_the_first_and_what_differs(engine: Engine) -> None:
    with engine.begin() as connection:
        add(connection, calculated())
    other = replace(calculated(gross="9.00"), id="c-2", campaign_id="cmp-2")
    with engine.begin() as connection:
        commissions = repository(connection)
        commissions.add(other)
        with pytest.raises(DuplicateConversion) as refused:
            commissions.write_added()
        assert commissions.changed == []
    assert refused.value.commission_id == "c-1"
    assert set(refused.value.differing) == {"campaignId", "grossAmount"}


def test_the_same_command_again_differs_in_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        add(connection, calculated())
        with pytest.raises(DuplicateConversion) as refused:
            add(connection, replace(calculated(), id="c-2"))
    assert refused.value.differing == ()


def test_a_change_is_saved_on_the_version_that_was_read(engine: Engine) -> None:
    with engine.begin() as connection:
        add(connection, calculated())
    with engine.begin() as connection:
        commissions = repository(connection)
        commission = commissions.get("c-1")
        assert commission is not None
        approve(commission)
        commissions.save(commission)
        assert commissions.changed == [commission]
    with engine.connect().execution_options(**READ) as connection:
        stored = repository(connection).get("c-1")
    assert stored is not None
    assert (stored.status, stored.version) == ("APPROVED", 2)


def test_a_change_of_a_version_that_is_no_longer_there_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        add(connection, calculated())
        commission = repository(connection).get("c-1")
        assert commission is not None
        connection.execute(update(table).values(version=2))
        approve(commission)
        commissions = repository(connection)
        with pytest.raises(ConcurrentChange):
            commissions.save(commission)
        assert commissions.changed == []


def test_a_value_that_does_not_fit_is_refused_before_the_database(engine: Engine) -> None:
    with engine.begin() as connection, pytest.raises(InvalidField, match="campaign_id"):
        add(connection, replace(calculated(), campaign_id="x" * 65))


def test_a_currency_that_is_not_known_any_more_is_an_error_of_the_program(engine: Engine) -> None:
    with engine.begin() as connection:
        add(connection, calculated())
        connection.execute(update(table).values(currency="XXX"))
        with pytest.raises(LookupError, match="XXX"):
            repository(connection).get("c-1")


def test_nothing_is_written_before_the_outbox_rows_are_ready(engine: Engine) -> None:
    with engine.begin() as connection:
        commissions = repository(connection)
        commissions.add(calculated())
        assert connection.scalar(select(func.count()).select_from(table)) == 0
        commissions.write_added()
        assert connection.scalar(select(func.count()).select_from(table)) == 1


def test_an_added_commission_can_be_read_in_its_transaction(engine: Engine) -> None:
    with engine.begin() as connection:
        commissions = repository(connection)
        commissions.add(calculated())
        assert commissions.get("c-1") == calculated()
