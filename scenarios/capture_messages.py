"""Define the English texts of the scenarios about what a capture sees of the database."""

from __future__ import annotations

from domain.message import register

CAPTURE = {
    "fault.long_transaction": "long transaction",
    "fault.row_deleted": "deletion of new outbox rows",
    "fault.outbox_deleted": "deletion of the outbox rows",
    "fault.outbox_truncated": "truncation of the outbox",
    "fault.unlogged": "write without binlog",
    "fault.rolled_back_xa": "rollback of a prepared transaction",
    "fault.slow_broker": "limited publishing rate",
    "confirm.rows_unread": "{n} rows are more than Debezium can hold, so it has not read them",
    "awaited.bulk_published": "each of the {n} rows is published",
    "confirm.lower_seq_later": "a row was committed after {n} rows with a higher seq were published",
    "confirm.no_rows": "the outbox has no row of {n} committed events",
    "confirm.rows_gone": "{n} outbox rows were deleted while commands were sent",
    "confirm.not_captured": "later events were published, and none of the {n} was",
    "confirm.phantom_published": "the event of the rolled back transaction was published",
    "awaited.rows_written": "the rows of the open transaction are written",
    "awaited.offset_moves": "the stored offset leaves the binlog of the last event",
    "awaited.deleted_published": "every event whose row was deleted is published",
    "run.repairs": "repair: {text}",
    "injected.capture_replaced": "the source is stopped, and Debezium Server captures in its place",
    "confirm.newer_reads": "Debezium Server reads the binlog while the source is stopped",
    "run.newer_published": "{n} events that were committed since the source stopped arrived through Debezium Server",
    "run.phantom": (
        "{id} is a phantom: MySQL writes an XA transaction to the binlog when it is prepared, and the rows show no sign of"
        " whether it will be committed; a capture could only wait for its end, and this version of Debezium does not. Write"
        " outbox rows in transactions that are no XA transactions"
    ),
}

register(CAPTURE)
