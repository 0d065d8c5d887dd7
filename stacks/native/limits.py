"""Set the sizes so that the broker accepts the message of every row that MySQL accepts.

Debezium's producer fails permanently at a message larger than the broker's limit. So the broker's limit is above the largest
possible message of a row. A message that is larger than the contract allows is then dead-lettered by the consumer.
"""

from __future__ import annotations

MYSQL_PACKET_BYTES = 8 * 1024 * 1024
"""`max_allowed_packet`: the largest statement, and the largest JSON document as MySQL stores it."""
GROWTH = 7
"""Largest number of message bytes for one stored byte: a control character becomes `\\u0001` in the document's text, and the
envelope doubles the backslash."""
ENVELOPE_BYTES = 64 * 1024
"""Upper bound of the bytes of the other columns and the envelope."""
BROKER_MESSAGE_BYTES = 64 * 1024 * 1024
"""`maxMessageSize`."""
BOOKIE_FRAME_BYTES = BROKER_MESSAGE_BYTES + 64 * 1024
"""`nettyMaxFrameSizeBytes` of the bookie: the size of a message with its frame."""


def message_bytes(packet_bytes: int) -> int:
    """Return the size of the largest message that a row can become on a server with this `max_allowed_packet`."""
    return GROWTH * packet_bytes + ENVELOPE_BYTES
