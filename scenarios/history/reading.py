"""Read the history of a run from all sources. Every query asks for this run's records alone."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from sys import intern
from typing import Any

from sqlalchemy import Connection

from application import Application
from connectors import envelope
from connectors.envelope import Inserted
from db import contents as stored
from db import dead_letter_queries, lookups, queries, run_rows
from db.dead_letter_queries import PRUNED
from domain import contents
from domain.clock import epoch_us
from domain.contents import Contents
from scenarios import audit_lines
from scenarios.audit_lines import AuditLine
from scenarios.history.records import (
    CommissionState,
    DeadLetter,
    DeadLetterMessage,
    Delivery,
    EventMessage,
    History,
    Notification,
    Operation,
    OutboxRow,
    PublishedEvent,
    Stray,
)
from settings import Settings
from workers import observer_of_run
from workers.dead_letters import OMITTED
from workers.observer_store import ObserverStore


class _Pool:
    """Returns the one object for equal contents: most contents are in four sources."""

    def __init__(self) -> None:
        self._pooled: dict[Contents, Contents] = {}

    def __call__(self, event: Contents) -> Contents:
        pooled = self._pooled.get(event)
        if pooled is None:
            pooled = replace(
                event,
                event_id=intern(event.event_id),
                commission_id=intern(event.commission_id),
                type=intern(event.type),
                correlation_id=intern(event.correlation_id),
            )
            self._pooled[pooled] = pooled
        return pooled


@dataclass(frozen=True, slots=True)
class Beginning:
    """How far the sources were when a run began. Older records belong to no run, or to an earlier one."""

    dead_letter: int
    """Highest `seq` of a dead letter."""
    observed: int
    """Highest number of a message in the observer's store."""
    notification: int = 0
    """Highest `seq` of a notification."""


def read_beginning(application: Application, settings: Settings) -> Beginning:
    """Return how far the sources are now. Raises DatabaseUnavailable."""
    with application.reading() as connection:
        newest = dead_letter_queries.dead_letters(connection, limit=1)
        heads = lookups.read_heads(connection)
    observed = 0
    with suppress(sqlite3.OperationalError), closing(ObserverStore(settings.observer_store)) as store:
        observed = store.read_last_n()
    return Beginning(max((row.seq for row in newest), default=0), observed, heads.notification)


def read_history(
    application: Application,
    settings: Settings,
    run_id: str,
    beginning: Beginning,
    operations: Sequence[Operation],
    expects_dead_letters: bool = False,
) -> History:
    """Return the history of a run as far as it is known now.

    The last source of an event's path is read first, and the database at one moment: an event in flight may be missing in a
    later source, but is never in one without being in the earlier ones. `operations` must have been recorded before the call.
    Raises DatabaseUnavailable, or sqlite3.OperationalError while there is no observer.
    """
    same = _Pool()
    lines, foreign = list[AuditLine](), list[int]()
    for line in audit_lines.read_of_run(settings.audit_file, run_id):
        if isinstance(line, AuditLine):
            contents_ = same(line.contents)
            lines.append(AuditLine(contents_, line.seq, intern(line.consumer), intern(line.notified_at)))
        else:
            foreign.append(line.number)
    observed = _read_observed(settings, run_id, beginning, same)
    numbers = {letter.number for letter in observed["dead_letter_messages"] if letter.number is not None}
    other_notifications = observer_of_run.read_others(
        settings.observer_store, settings.topics.carrying_events(), beginning.observed, run_id
    )
    with application.reading(consistent=True) as connection:
        strays = tuple(_read_strays(connection, run_id, beginning, other_notifications))
        database = _read_database(connection, run_id, beginning, operations, numbers, same)
    return History(
        run_id,
        expects_dead_letters,
        settings.demo,
        tuple(operations),
        audit_lines=tuple(lines),
        foreign_lines=tuple(foreign),
        strays=strays,
        **observed,
        **database,
    )


def _read_observed(settings: Settings, run_id: str, beginning: Beginning, same: _Pool) -> dict[str, Any]:
    path, topics = settings.observer_store, settings.topics
    letters = observer_of_run.read_dead_letters(path, topics.dead_letter, beginning.observed, run_id)
    messages = observer_of_run.read_event_messages(path, topics.carrying_events(), run_id)
    with closing(ObserverStore(path)) as store:
        published = tuple(
            PublishedEvent(intern(event.event_id), event.contents, event.version)
            for event in store.read_published_contents(run_id)
        )
    return {
        "published": published,
        "messages": tuple(_to_message(message, same) for message in messages),
        "dead_letter_messages": tuple(
            DeadLetterMessage(
                int(letter.number) if letter.number.isdecimal() else None,
                letter.event_id,
                letter.message_id,
                letter.publish_us,
                letter.reason,
                None if OMITTED in letter.properties else _digest(letter.value),
            )
            for letter in letters
        ),
    }


def _to_message(message: observer_of_run.KeptMessage, same: _Pool) -> EventMessage:
    decoded = envelope.decode(message.value)
    is_decoded = isinstance(decoded, Inserted)
    return EventMessage(
        intern(message.event_id),
        None if message.key is None else intern(envelope.decode_key(message.key) or message.key),
        same(contents.of_record(decoded.record)) if isinstance(decoded, Inserted) else None,
        decoded.record.version if isinstance(decoded, Inserted) else None,
        _digest(message.value),
        message.captured_us if is_decoded else None,
        message.publish_us,
    )


def _read_database(
    connection: Connection,
    run_id: str,
    beginning: Beginning,
    operations: Sequence[Operation],
    dead_letter_numbers: Collection[int],
    same: _Pool,
) -> dict[str, Any]:
    conversions = {operation.target for operation in operations if operation.command == "calculate"}
    commissions = {operation.target for operation in operations if operation.command != "calculate"}
    commission_ids = run_rows.find_commission_ids(connection, run_id, conversions, commissions)
    return {
        "commissions": tuple(_read_states(connection, commission_ids)),
        "outbox": tuple(_read_outbox(connection, run_id, commission_ids, same)),
        "pruned": frozenset(queries.pruned_ids(connection, run_id)),
        "has_pruned": run_rows.has_pruned(connection),
        "notifications": tuple(_read_notifications(connection, run_id, same)),
        "deliveries": tuple(_to_delivery(row) for row in run_rows.read_inbox(connection, run_id)),
        "dead_letters": tuple(_read_dead_letters(connection, run_id, beginning, dead_letter_numbers)),
    }


def _read_dead_letters(
    connection: Connection, run_id: str, beginning: Beginning, numbers: Collection[int]
) -> Iterator[DeadLetter]:
    """Yield the run's dead letters, and those of `numbers`, whose rows may lack the run's id."""
    rows = run_rows.read_dead_letters(connection, run_id, beginning.dead_letter)
    unread = sorted(set(numbers) - {row.seq for row in rows})
    rows += dead_letter_queries.dead_letters_at(connection, unread) if unread else []
    for row in rows:
        yield DeadLetter(
            row.seq,
            row.event_id,
            row.correlation_id,
            row.topic,
            row.reason,
            row.detail,
            epoch_us(row.dead_lettered_at),
            None if row.requeued_at is None else epoch_us(row.requeued_at),
            None if OMITTED in row.properties or row.properties == PRUNED else _digest(row.payload),
        )


def _read_strays(
    connection: Connection, run_id: str, beginning: Beginning, observed: dict[str, int]
) -> Iterator[Stray]:
    """Yield the events of other correlation ids that appeared since the beginning and were never committed."""
    committed = run_rows.find_committed(connection, observed)
    for event_id, at_us in observed.items():
        if event_id not in committed:
            yield Stray(event_id, True, at_us)
    for row in run_rows.read_uncommitted_notifications(connection, beginning.notification, run_id):
        yield Stray(row.event_id, False, epoch_us(row.notified_at))


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def _to_delivery(row: run_rows.InboxRow) -> Delivery:
    event_id, outcome, consumer = map(intern, (row.event_id, row.outcome, row.consumer))
    return Delivery(row.seq, event_id, outcome, consumer, row.redelivery_count, epoch_us(row.received_at))


def _read_states(connection: Connection, commission_ids: Sequence[str]) -> Iterator[CommissionState]:
    for row in run_rows.read_states(connection, commission_ids):
        amounts = {field: intern(value) for field, value in row.amounts.items()}
        yield CommissionState(
            intern(row.id),
            intern(row.conversion_id),
            intern(row.status),
            row.version,
            amounts,
            epoch_us(row.updated_at),
        )


def _read_outbox(
    connection: Connection, run_id: str, commission_ids: Sequence[str], same: _Pool
) -> Iterator[OutboxRow]:
    rows = [*stored.read_committed(connection, run_id)]
    for chunk in run_rows.chunks(commission_ids):
        of_commissions = stored.read_committed(connection, commission_ids=chunk)
        rows += [row for row in of_commissions if row.contents.correlation_id != run_id]
    for row in sorted(rows, key=lambda row: row.seq):
        yield OutboxRow(row.seq, same(row.contents), row.version)


def _read_notifications(connection: Connection, run_id: str, same: _Pool) -> Iterator[Notification]:
    visible_us = run_rows.read_visible_times(connection, run_id)
    rows = sorted(stored.read_notified(connection, run_id), key=lambda row: row.seq)
    for row in rows:
        event = same(row.contents)
        at_us = visible_us.pop(event.event_id, None)  # only the event's first notification has the timestamp
        yield Notification(row.seq, event, intern(row.consumer), intern(row.notified_at), at_us)
