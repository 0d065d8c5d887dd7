"""Read the event out of a message of any of the publishers."""

from __future__ import annotations

import json

from bench.peers.counting import Receipt
from connectors.broker import Received


def read_receipt(message: Received) -> Receipt | None:
    """Return the receipt of a message; None when it carries no outbox row."""
    try:
        row = json.loads(message.value)["after"]
        event_id, aggregate_id, version = str(row["id"]), str(row["aggregate_id"]), int(row["aggregate_version"])
    except (ValueError, TypeError, KeyError):
        return None
    return Receipt(event_id, aggregate_id, version, message.message_id, message.received_us, len(message.value))
