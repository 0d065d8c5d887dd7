"""Sizes: whatever row MySQL takes, the broker takes its message, or one row would end capture for good.

Debezium's producer fails for ever at a message larger than the broker's limit. So the broker's limit is above what the
largest row becomes; what is larger than the contract allows is then refused by the consumer, as a dead letter.
"""

from __future__ import annotations

MYSQL_PACKET_BYTES = 8 * 1024 * 1024
"""`max_allowed_packet`: the largest statement, and the largest JSON document as MySQL stores it."""
GROWTH = 7
"""Bytes of a message for one byte stored, at most: a control character becomes `\\u0001` in the document's text, and the
backslash is doubled in the envelope."""
ENVELOPE_BYTES = 64 * 1024
"""The other columns and the envelope around them, with room to spare."""
BROKER_MESSAGE_BYTES = 64 * 1024 * 1024
"""`maxMessageSize`."""
BOOKIE_FRAME_BYTES = BROKER_MESSAGE_BYTES + 64 * 1024
"""`nettyMaxFrameSizeBytes` of the bookie: a message with its framing."""


def message_bytes(packet_bytes: int) -> int:
    """The largest message that a row of a server with this `max_allowed_packet` can become."""
    return GROWTH * packet_bytes + ENVELOPE_BYTES
