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


def operation(seen: Operation) -> Observation:
    """Show a command with its answer."""
    if seen.outcome == "acknowledged":
        what = Message("seen.acknowledged", command=seen.command, client=seen.client)
    else:
        what = Message("seen.refused", command=seen.command, client=seen.client)
    return Observation.of("client", seen.answered_us, seen.target, what)


def asked(seen: Operation, field: str, value: str) -> Observation:
    """Show what a command asked for."""
    what = Message("seen.asked", field=field, value=_shorten(value), client=seen.client)
    return Observation.of("client", seen.invoked_us, seen.target, what)


def state(seen: CommissionState, field: str, value: str) -> Observation:
    what = Message("seen.state", field=field, value=_shorten(value))
    return Observation.of("database", seen.updated_us, seen.commission_id, what)


def row(seen: OutboxRow, field: str | None = None) -> Observation:
    """Show an outbox row: which event it is, or the value of one field."""
    at_us, event = instant_us(seen.contents.occurred_at), seen.contents
    if field is None:
        what = Message("seen.row", type=event.type, n=event.aggregate_version)
    else:
        value = str(seen.version) if field == "version" else _value(event, field)
        what = Message("seen.row_with", field=field, value=value)
    return Observation.of("database", at_us, seen.event_id, what)


def message(seen: EventMessage, field: str | None = None) -> Observation:
    if field == "key":
        what = Message("seen.message_with", field="key", value=seen.key or "-")
    elif field is not None and seen.contents is not None:
        value = str(seen.version) if field == "version" else _value(seen.contents, field)
        what = Message("seen.message_with", field=field, value=value)
    else:
        what = Message("seen.message")
    return Observation.of("broker", seen.published_us, seen.event_id, what)


def published(event_id: str) -> Observation:
    """Show an event of which the observer keeps no message any more."""
    return Observation.of("broker", None, event_id, Message("seen.message"))


def stray(seen: Stray) -> Observation:
    """Show an event without an outbox row, under whatever correlation id."""
    if seen.is_message:
        return Observation.of("broker", seen.at_us, seen.event_id, Message("seen.message"))
    return Observation.of("worker", seen.at_us, seen.event_id, Message("seen.stray_notification"))


def foreign_line(number: int) -> Observation:
    return Observation.of("audit", None, str(number), Message("seen.foreign_line", n=number))


def delivery(seen: Delivery) -> Observation:
    what = Message("seen.delivery", outcome=Message(f"outcome.{seen.outcome}"))
    return Observation.of("worker", seen.received_us, seen.event_id, what)


def notification(seen: Notification, field: str | None = None) -> Observation:
    at_us = instant_us(seen.notified_at) if seen.visible_us is None else seen.visible_us
    if field is None:
        what = Message("seen.notification", n=seen.contents.aggregate_version, seq=seen.seq)
    else:
        what = Message("seen.notification_with", field=field, value=_value(seen.contents, field))
    return Observation.of("worker", at_us, seen.event_id, what)


def line(seen: AuditLine, field: str | None = None) -> Observation:
    """Show an audit line. The file has no time of its own: a line repeats its notification's."""
    if field is None:
        what = Message("seen.line", seq=seen.seq)
    else:
        own = {"seq": str(seen.seq), "consumer": seen.consumer, "notified_at": seen.notified_at}
        what = Message("seen.line_with", field=field, value=_shorten(own.get(field) or _value(seen.contents, field)))
    return Observation.of("audit", None, seen.contents.event_id, what)


def dead_letter(seen: DeadLetter) -> Observation:
    if seen.is_parked:
        what = Message("seen.parked", reason=seen.reason)
        return Observation.of("capture", seen.dead_lettered_us, seen.event_id or str(seen.seq), what)
    what = Message("seen.dead_letter", seq=seen.seq, reason=seen.reason)
    return Observation.of("worker", seen.dead_lettered_us, seen.event_id or str(seen.seq), what)


def dead_letter_message(seen: DeadLetterMessage) -> Observation:
    what = Message(
        "seen.dead_letter_message", seq="-" if seen.number is None else seen.number, reason=seen.reason or "-"
    )
    return Observation.of("broker", seen.published_us, seen.event_id or seen.message_id, what)


def missing(place: Place, id_: str, what: Message) -> Observation:
    """Show that something is not there."""
    return Observation.of(place, None, id_, what, missing=True)


def _value(event: Contents, field: str) -> str:
    return _shorten(fields_of(event).get(field, "-"))


def _shorten(value: str) -> str:
    return value if len(value) <= MAX_VALUE else f"{value[: MAX_VALUE - 1]}…"
