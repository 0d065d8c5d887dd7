"""Define the English names of crash points and faults, which stand inside other messages."""

from __future__ import annotations

from domain.message import register

FAULTS = {
    "point.command.state_written": "the commission is written, its outbox row is not, nothing is committed",
    "point.command.outbox_written": "the commission and its outbox row are written, nothing is committed",
    "point.command.committed": "both rows are committed, the command was not acknowledged",
    "point.notifications.committed": "the notifications are committed, the messages are not acknowledged",
    "point.notifications.retrying": "an event has failed and is not acknowledged, and its retry has not begun",
    "point.audit.half_appended": "half of the audit lines are written",
    "fault.kill": "kill",
    "fault.slow": "slow",
    "fault.restart": "restart",
    "fault.crash": "crash at {point}",
    "fault.offsets": "lost offsets",
    "fault.binlog_purged": "purged binlog",
    "fault.history": "lost schema history",
    "fault.column_added": "column added",
    "fault.column_dropped": "column dropped",
    "fault.table_swapped": "table swapped",
    "fault.statement": "statements that it cannot parse",
    "fault.file": "file damaged",
    "grey.latency": "latency",
    "grey.black-hole": "black hole",
    "grey.reset": "connections reset",
    "grey.half-open": "half-open connections",
    "grey.bandwidth": "low bandwidth",
    "grey.pause": "pause",
    "grey.full": "disk full",
    "grey.slow-fsync": "slow disk",
}

register(FAULTS)
