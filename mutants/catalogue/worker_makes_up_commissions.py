"""A notifications worker that writes the commission of an event that it does not know, so that a phantom looks committed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import insert, select

from connectors.broker import Received
from db.engine import connect
from db.tables import commission
from domain.clock import utc_now
from domain.outbox import OutboxRecord
from mutants.model import Mutant
from settings import load
from workers import notifications
from workers.inbox import Effect, Inbox
from workers.process import run


class Credulous(Inbox):
    def apply(self, effects: Sequence[Effect], skipped: Sequence[Received]) -> set[str]:
        for effect in effects:
            _make_up(effect.record)
        return super().apply(effects, skipped)


def _make_up(record: OutboxRecord) -> None:
    engine = connect(load().admin_url, pool_size=1)  # the worker's own user may not write commissions
    try:
        with engine.begin() as connection:
            commission_id = connection.scalar(select(commission.c.id).where(commission.c.id == record.aggregate_id))
            if commission_id is None:
                connection.execute(insert(commission), _to_columns(record))
    finally:
        engine.dispose()


def _to_columns(record: OutboxRecord) -> dict[str, object]:
    payload = json.loads(record.payload)
    return {
        "id": record.aggregate_id,
        "conversion_id": payload["conversionId"],
        "affiliate_id": payload["affiliateId"],
        "campaign_id": payload["campaignId"],
        "gross_amount": Decimal(str(payload["grossAmount"])),
        "rate": Decimal(str(payload["rate"])),
        "amount": Decimal(str(payload["amount"])),
        "currency": payload["currency"],
        "status": "CALCULATED",
        "version": record.aggregate_version,
        "created_at": utc_now(),
        "updated_at": utc_now(),
    }


MUTANT = Mutant("notifications", {"xa-rollback": "check.phantom_named"})


if __name__ == "__main__":
    notifications.Inbox = Credulous
    run("notifications", notifications.main)
