"""Load and save the commissions of one transaction."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sqlalchemy import Connection, RowMapping, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from db.fitting import check_row
from db.prepared import PreparedInsert
from db.tables import commission as table
from domain.commission import Commission
from domain.errors import ConcurrentChange, DuplicateConversion
from domain.money import Currency, Money
from domain.ports import Currencies

# Built once: building a statement takes longer than SQLite needs to run it.
_INSERT = PreparedInsert(table)
_BY_ID = select(table).where(table.c.id == bindparam("commission_id"))
_BY_CONVERSION = select(table).where(table.c.conversion_id == bindparam("conversion"))
_UPDATE = update(table).where(table.c.id == bindparam("saved_id"), table.c.version == bindparam("read_version"))


class SqlCommissions:
    def __init__(
        self, connection: Connection, currencies: Currencies, before_statement: Callable[[], None] = lambda: None
    ) -> None:
        """`before_statement` is called before each statement; the first one begins the transaction."""
        self._connection = connection
        self._currencies = currencies
        self._before_statement = before_statement
        self._added: list[Commission] = []
        """Commissions that are not written yet."""
        self.changed: list[Commission] = []
        """Commissions added or saved here, whose events the unit of work writes."""

    def add(self, commission: Commission) -> None:
        """Check a new commission and keep it for `write_added`. Raise InvalidField."""
        check_row(table, _to_columns(commission))
        self._added.append(commission)
        self.changed.append(commission)

    def write_added(self) -> None:
        """Insert the commissions that were added. Raise DuplicateConversion."""
        while self._added:
            self._insert(self._added.pop(0))

    def _insert(self, commission: Commission) -> None:
        columns = _to_columns(commission)
        self._before_statement()
        try:
            _INSERT.execute(self._connection, columns)
        except IntegrityError as error:
            existing = self._find_by_conversion(commission.conversion_id)
            if existing is None:
                raise
            self.changed.remove(commission)
            raise DuplicateConversion(
                commission.conversion_id, existing["id"], _find_differing_fields(existing, columns)
            ) from error

    def get(self, commission_id: str) -> Commission | None:
        self.write_added()
        self._before_statement()
        row = self._connection.execute(_BY_ID, {"commission_id": commission_id}).mappings().first()
        return None if row is None else self._to_commission(row)

    def save(self, commission: Commission) -> None:
        self.write_added()
        self._before_statement()
        read_version = commission.version - len(commission.events)
        changed = self._connection.execute(
            _UPDATE, {**_to_columns(commission), "read_version": read_version, "saved_id": commission.id}
        )
        if changed.rowcount != 1:
            raise ConcurrentChange(commission.id)
        self.changed.append(commission)

    def _find_by_conversion(self, conversion_id: str) -> RowMapping | None:
        return self._connection.execute(_BY_CONVERSION, {"conversion": conversion_id}).mappings().first()

    def _to_commission(self, row: RowMapping) -> Commission:
        currency = self._currencies.get(row["currency"])
        if currency is None:
            raise LookupError(f"commission {row['id']} has the currency {row['currency']}, which is not in ISO 4217")
        return Commission(
            id=row["id"],
            conversion_id=row["conversion_id"],
            affiliate_id=row["affiliate_id"],
            campaign_id=row["campaign_id"],
            gross=_to_money(row["gross_amount"], currency),
            rate=row["rate"],
            amount=_to_money(row["amount"], currency),
            status=row["status"],
            version=row["version"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )


_FIELDS = {
    "affiliate_id": "affiliateId",
    "campaign_id": "campaignId",
    "gross_amount": "grossAmount",
    "currency": "currency",
}
"""Columns that come from a command → names of its fields."""


def _find_differing_fields(existing: RowMapping, columns: dict[str, object]) -> tuple[str, ...]:
    return tuple(field for column, field in _FIELDS.items() if existing[column] != columns[column])


def _to_money(amount: Decimal, currency: Currency) -> Money:
    # DECIMAL(19, 4) returns 12.0500; the amount was written in whole minor units.
    return Money(amount.quantize(currency.quantum), currency)


def _to_columns(commission: Commission) -> dict[str, object]:
    return {
        "id": commission.id,
        "conversion_id": commission.conversion_id,
        "affiliate_id": commission.affiliate_id,
        "campaign_id": commission.campaign_id,
        "gross_amount": commission.gross.amount,
        "rate": commission.rate,
        "amount": commission.amount.amount,
        "currency": commission.gross.currency.code,
        "status": commission.status,
        "version": commission.version,
        "created_at": commission.created_at,
        "updated_at": commission.updated_at,
    }
