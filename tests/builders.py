"""Records and messages for tests."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

from connectors import envelope
from connectors.broker import Received
from domain.outbox import OutboxRecord

AT = datetime(2026, 1, 2, 12, 0, 0, 123456)


def record(seq: int = 1, aggregate_id: str | None = None, version: int = 1, **changes: Any) -> OutboxRecord:
    commission = aggregate_id or str(uuid.uuid4())
    values: dict[str, Any] = {
        "seq": seq,
        "id": str(uuid.uuid4()),
        "aggregate_type": "commission",
        "aggregate_id": commission,
        "aggregate_version": version,
        "type": "CommissionCalculated" if version == 1 else "CommissionApproved",
        "version": 1,
        "payload": json.dumps({"commissionId": commission, "amount": "12.05"}),
        "correlation_id": "run-1",
        "traceparent": None,
        "occurred_at": AT,
    }
    return OutboxRecord(**{**values, **changes})


def delivery(of: OutboxRecord | bytes, number: int = 0, topic: str = "events", redelivery: int = 0) -> Received:
    key, value = envelope.encode(of, 1_700_000_000_000) if isinstance(of, OutboxRecord) else (None, of)
    return Received(
        topic=topic,
        message_id=f"(7,{number},-1,-1)",
        key=key,
        value=value,
        properties={},
        publish_us=1_700_000_000_000_000,
        event_us=0,
        redelivery_count=redelivery,
        received_us=1_700_000_000_000_500,
    )
