"""An XA transaction that writes a commission and its outbox row, is prepared, and is rolled back."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from db.engine import connect, discard
from db.errors import translated
from settings import Settings
from stacks.native.root import make_root_url

PREFIX = "alpes-"
"""Of the names of these transactions: one that a killed run left prepared is rolled back by the next."""

INSERT_COMMISSION = """
INSERT INTO commission
SELECT :commission_id, :conversion_id, affiliate_id, campaign_id, gross_amount, rate, amount, currency, status, version,
       created_at, updated_at
FROM commission WHERE id = :template_id
"""
INSERT_ROW = """
INSERT INTO outbox_event (id, aggregate_type, aggregate_id, aggregate_version, type, version, payload, correlation_id,
                          traceparent, occurred_at)
SELECT :event_id, aggregate_type, :commission_id, aggregate_version, type, version,
       JSON_SET(payload, '$.commissionId', :commission_id, '$.conversionId', :conversion_id), correlation_id,
       NULL, occurred_at
FROM outbox_event WHERE aggregate_id = :template_id
"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the transaction has written, and what it has not committed."""

    event_id: str
    seq: int
    values: dict[str, str]


class PreparedTransaction:
    """Copies a commission that has one event, in a transaction of its own. Methods raise DatabaseUnavailable."""

    def __init__(self, settings: Settings) -> None:
        self._engine = connect(make_root_url(settings), pool_size=1)
        self._connection: Connection | None = None
        self._name = f"{PREFIX}{uuid.uuid4()}"

    def prepare(self, template_id: str) -> Prepared:
        """Write the rows and prepare the transaction: from now on it is in the binlog."""
        connection = self._connect()
        self._roll_back_left_ones(connection)
        event_id = str(uuid.uuid4())
        values = {
            "event_id": event_id,
            "commission_id": str(uuid.uuid4()),
            "conversion_id": str(uuid.uuid4()),
            "template_id": template_id,
        }
        with translated():
            connection.execute(text(f"XA START '{self._name}'"))
            connection.execute(text(INSERT_COMMISSION), values)
            connection.execute(text(INSERT_ROW), values)
            seq = int(connection.scalar(text("SELECT LAST_INSERT_ID()")) or 0)
            connection.execute(text(f"XA END '{self._name}'"))
            connection.execute(text(f"XA PREPARE '{self._name}'"))
        return Prepared(event_id, seq, values)

    def roll_back(self) -> None:
        with translated():
            self._connect().execute(text(f"XA ROLLBACK '{self._name}'"))

    def commit_after_all(self, prepared: Prepared) -> None:
        """Write the same rows, in no binlog: the event's effects cannot be taken back, so the state follows them."""
        connection = self._connect()
        with translated():
            self._roll_back_left_ones(connection)
            connection.execute(text("SET SESSION sql_log_bin = 0"))
            # The commission may be there: a consumer that believes every event may have made it up.
            connection.execute(text(INSERT_COMMISSION.replace("INSERT", "INSERT IGNORE")), prepared.values)
            connection.execute(text(INSERT_ROW), prepared.values)
            numbered: dict[str, Any] = {"seq": prepared.seq, "event_id": prepared.event_id}
            connection.execute(text("UPDATE outbox_event SET seq = :seq WHERE id = :event_id"), numbered)
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            discard(self._connection)
            self._connection = None
        self._engine.dispose()

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._connection

    def _roll_back_left_ones(self, connection: Connection) -> None:
        """Roll back what a killed run left prepared, which would hold its locks for ever."""
        for row in connection.execute(text("XA RECOVER")).mappings().all():
            if str(row["data"]).startswith(PREFIX):
                connection.execute(text(f"XA ROLLBACK '{row['data']}'"))
