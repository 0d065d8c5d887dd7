"""Make observations of a history's records: where, when, and in few words what each shows."""

from __future__ import annotations

from domain.contents import Contents, fields_of
from domain.message import Message
from scenarios.audit_lines import AuditLine
from scenarios.history.records import (
    CommissionState,
    DeadLetter,
    DeadLetterMessage,
    Delivery,
    EventMessage,
    Notification,
    Operation,
    OutboxRow,
    Stray,
    instant_us,
)
from scenarios.observations import Observation, Place

MAX_VALUE = 40
"""Longest value of a field that an observation shows."""


def operation(record: Operation) -> Observation:
    """Show a command with its answer."""
    if record.outcome == "acknowledged":
        message = Message("seen.acknowledged", command=record.command, client=record.client)
    else:
        message = Message("seen.refused", command=record.command, client=record.client)
    return Observation.of("client", record.answered_us, record.target, message)


def requested_value(record: Operation, field: str, value: str) -> Observation:
    """Show what a command asked for."""
    message = Message("seen.asked", field=field, value=_shorten(value), client=record.client)
    return Observation.of("client", record.invoked_us, record.target, message)


def state(record: CommissionState, field: str, value: str) -> Observation:
    message = Message("seen.state", field=field, value=_shorten(value))
    return Observation.of("database", record.updated_us, record.commission_id, message)


def row(record: OutboxRow, field: str | None = None) -> Observation:
    """Show an outbox row: which event it is, or the value of one field."""
    at_us, event = instant_us(record.contents.occurred_at), record.contents
    if field is None:
        message = Message("seen.row", type=event.type, n=event.aggregate_version)
    else:
        value = str(record.version) if field == "version" else _value(event, field)
        message = Message("seen.row_with", field=field, value=value)
    return Observation.of("database", at_us, record.event_id, message)


def message(record: EventMessage, field: str | None = None) -> Observation:
    if field == "key":
        message = Message("seen.message_with", field="key", value=record.key or "-")
    elif field is not None and record.contents is not None:
        value = str(record.version) if field == "version" else _value(record.contents, field)
        message = Message("seen.message_with", field=field, value=value)
    else:
        message = Message("seen.message")
    return Observation.of("broker", record.published_us, record.event_id, message)


def published(event_id: str) -> Observation:
    """Show an event of which the observer keeps no message any more."""
    return Observation.of("broker", None, event_id, Message("seen.message"))


def stray(record: Stray) -> Observation:
    """Show an event without an outbox row, under any correlation id."""
    if record.is_message:
        return Observation.of("broker", record.at_us, record.event_id, Message("seen.message"))
    return Observation.of("worker", record.at_us, record.event_id, Message("seen.stray_notification"))


def foreign_line(number: int) -> Observation:
    return Observation.of("audit", None, str(number), Message("seen.foreign_line", n=number))


def delivery(record: Delivery) -> Observation:
    message = Message("seen.delivery", outcome=Message(f"outcome.{record.outcome}"))
    return Observation.of("worker", record.received_us, record.event_id, message)


def notification(record: Notification, field: str | None = None) -> Observation:
    at_us = instant_us(record.notified_at) if record.visible_us is None else record.visible_us
    if field is None:
        message = Message("seen.notification", n=record.contents.aggregate_version, seq=record.seq)
    else:
        message = Message("seen.notification_with", field=field, value=_value(record.contents, field))
    return Observation.of("worker", at_us, record.event_id, message)


def line(record: AuditLine, field: str | None = None) -> Observation:
    """Show an audit line. The file has no time of its own: a line repeats its notification's."""
    if field is None:
        message = Message("seen.line", seq=record.seq)
    else:
        own = {"seq": str(record.seq), "consumer": record.consumer, "notified_at": record.notified_at}
        message = Message(
            "seen.line_with", field=field, value=_shorten(own.get(field) or _value(record.contents, field))
        )
    return Observation.of("audit", None, record.contents.event_id, message)


def dead_letter(record: DeadLetter) -> Observation:
    if record.is_parked:
        message = Message("seen.parked", reason=record.reason)
        return Observation.of("capture", record.dead_lettered_us, record.event_id or str(record.seq), message)
    message = Message("seen.dead_letter", seq=record.seq, reason=record.reason)
    return Observation.of("worker", record.dead_lettered_us, record.event_id or str(record.seq), message)


def dead_letter_message(record: DeadLetterMessage) -> Observation:
    message = Message(
        "seen.dead_letter_message", seq="-" if record.number is None else record.number, reason=record.reason or "-"
    )
    return Observation.of("broker", record.published_us, record.event_id or record.message_id, message)


def missing(place: Place, id_: str, message: Message) -> Observation:
    """Show that something is not there."""
    return Observation.of(place, None, id_, message, missing=True)


def _value(event: Contents, field: str) -> str:
    return _shorten(fields_of(event).get(field, "-"))


def _shorten(value: str) -> str:
    return value if len(value) <= MAX_VALUE else f"{value[: MAX_VALUE - 1]}…"
