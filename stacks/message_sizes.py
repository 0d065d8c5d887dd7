"""Check whether a row that MySQL accepts may become a message that the broker refuses: such a row would stop the source."""

from __future__ import annotations

from sqlalchemy import text

from connectors.admin import Admin, AdminRefused, AdminUnavailable
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from settings import Settings
from stacks.native.limits import ENVELOPE_BYTES, GROWTH, message_bytes


def advise(packet_bytes: int, limit_bytes: int) -> str | None:
    """Return what to set, given MySQL's `max_allowed_packet` and the broker's limit; None if the limit is high enough."""
    needed = message_bytes(packet_bytes)
    if needed <= limit_bytes:
        return None
    fitting = max(0, (limit_bytes - ENVELOPE_BYTES) // GROWTH // 1024 * 1024)
    return (
        f"a row of MySQL (max_allowed_packet {packet_bytes}) may become a message of {needed} bytes, the broker accepts"
        f" {limit_bytes}: one such row would stop the source. Set max_allowed_packet to at most {fitting}, or the broker's"
        f" maxMessageSize and its bookies' nettyMaxFrameSizeBytes to {needed}"
    )


def problem(settings: Settings) -> str | None:
    """Return the advice for this instance; None if the sizes fit, or if a server does not report its limit."""
    engine = connect(settings.database_url, pool_size=1)
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            packet_bytes = int(connection.scalar(text("SELECT @@global.max_allowed_packet")) or 0)
        with Admin(settings, timeout_s=5) as admin:
            limit_bytes = admin.message_limit()
    except (DatabaseUnavailable, AdminUnavailable, AdminRefused):
        return None
    finally:
        engine.dispose()
    return None if limit_bytes is None else advise(packet_bytes, limit_bytes)
