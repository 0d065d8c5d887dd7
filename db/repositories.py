"""The commissions of one transaction."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.fitting import check_row
from db.tables import commission as table
from domain.commission import Commission, Status
from domain.errors import ConcurrentChange, DuplicateConversion
from domain.money import Currency, Money
from domain.ports import Currencies

# Built once: putting a statement together costs more than SQLite takes to run it.
_INSERT = insert(table)
_BY_ID = select(table).where(table.c.id == bindparam("commission_id"))
_BY_CONVERSION = select(table).where(table.c.conversion_id == bindparam("conversion"))
_UPDATE = update(table).where(table.c.id == bindparam("saved_id"), table.c.version == bindparam("read_version"))


class SqlCommissions:
    def __init__(self, connection: Connection, currencies: Currencies) -> None:
        self._connection = connection
        self._currencies = currencies
        self.seen: list[Commission] = []
        """Added or saved here: the unit of work takes their events from it."""

    def add(self, commission: Commission) -> None:
        columns = _columns(commission)
        check_row(table, columns)
        try:
            self._connection.execute(_INSERT, columns)
        except IntegrityError as error:
            existing = self._of_conversion(commission.conversion_id)
            if existing is None:
                raise
            raise DuplicateConversion(
                commission.conversion_id, existing["id"], _differing(existing, columns)
            ) from error
        self.seen.append(commission)

    def get(self, commission_id: str) -> Commission | None:
        row = self._connection.execute(_BY_ID, {"commission_id": commission_id}).mappings().first()
        return None if row is None else self._commission(row)

    def save(self, commission: Commission) -> None:
        read_version = commission.version - len(commission.events)
        changed = self._connection.execute(
            _UPDATE, {**_columns(commission), "read_version": read_version, "saved_id": commission.id}
        )
        if changed.rowcount != 1:
            raise ConcurrentChange(commission.id)
        self.seen.append(commission)

    def _of_conversion(self, conversion_id: str) -> RowMapping | None:
        return self._connection.execute(_BY_CONVERSION, {"conversion": conversion_id}).mappings().first()

    def _commission(self, row: RowMapping) -> Commission:
        currency = self._currencies.get(row["currency"])
        if currency is None:
            raise LookupError(f"commission {row['id']} is in {row['currency']}, which is no ISO 4217 currency")
        return Commission(
            id=row["id"],
            conversion_id=row["conversion_id"],
            affiliate_id=row["affiliate_id"],
            campaign_id=row["campaign_id"],
            gross=_money(row["gross_amount"], currency),
            rate=row["rate"],
            amount=_money(row["amount"], currency),
            status=Status(row["status"]),
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
"""Columns that a command gives, by the names of its fields."""


def _differing(existing: RowMapping, columns: dict[str, object]) -> tuple[str, ...]:
    return tuple(field for column, field in _FIELDS.items() if existing[column] != columns[column])


def _money(amount: Decimal, currency: Currency) -> Money:
    # DECIMAL(19, 4) gives 12.0500 back; the amount was in whole minor units when it was written.
    return Money(amount.quantize(currency.quantum), currency)


def _columns(commission: Commission) -> dict[str, object]:
    return {
        "id": commission.id,
        "conversion_id": commission.conversion_id,
        "affiliate_id": commission.affiliate_id,
        "campaign_id": commission.campaign_id,
        "gross_amount": commission.gross.amount,
        "rate": commission.rate,
        "amount": commission.amount.amount,
        "currency": commission.gross.currency.code,
        "status": commission.status.value,
        "version": commission.version,
        "created_at": commission.created_at,
        "updated_at": commission.updated_at,
    }
