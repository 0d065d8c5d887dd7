"""Tell events whose outbox row was deleted from events that were never committed.

A commission is written in the transaction of its outbox row. So an event without a row was committed if its commission has its
version and no other row has that version. An event of a transaction that was rolled back has no such commission.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from sqlalchemy import select

from application import Application
from connectors import envelope
from connectors.envelope import Inserted
from db import contents
from db.run_rows import chunks
from db.tables import commission, outbox_event
from settings import Settings
from workers.observer_store import ObserverStore

Place = tuple[str, int]
"""Id of a commission, and a version of it."""


def find_deleted_rows(application: Application, settings: Settings, event_ids: Sequence[str]) -> tuple[str, ...]:
    """Return those of these events, which have no outbox row, whose row was deleted. Raises DatabaseUnavailable."""
    deleted: list[str] = []
    storable = [event_id for event_id in event_ids if is_encodable(event_id)]  # an audit line may hold any text
    for chunk in chunks(storable):
        places = _find_places(application, settings, chunk)
        versions, taken_places = _read_state(application, [commission_id for commission_id, _ in places.values()])
        for event_id, place in sorted(places.items()):
            if 1 <= place[1] <= versions.get(place[0], 0) and place not in taken_places:
                taken_places.add(place)
                deleted.append(event_id)
    return tuple(sorted(deleted))


def is_encodable(text: str) -> bool:
    """Return whether a database can store a text. None can store half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _find_places(application: Application, settings: Settings, event_ids: Sequence[str]) -> dict[str, Place]:
    """Return event id → what its notification says that it is of, or its message where there is no notification."""
    with closing(ObserverStore(settings.observer_store)) as store:
        places = dict(_read_messages(store, event_ids))
    with application.reading() as connection:
        for row in contents.read_notified(connection, event_ids=event_ids):
            places[row.contents.event_id] = (row.contents.commission_id, row.contents.aggregate_version)
    return places


def _read_messages(store: ObserverStore, event_ids: Sequence[str]) -> Iterator[tuple[str, Place]]:
    for event_id in event_ids:
        for message in store.read_messages_of(event_id):
            decoded = envelope.decode(message.value)
            if isinstance(decoded, Inserted):
                yield event_id, (decoded.record.aggregate_id, decoded.record.aggregate_version)


def _read_state(application: Application, commission_ids: Sequence[str]) -> tuple[dict[str, int], set[Place]]:
    """Return the commissions' versions, and the versions that have a row."""
    with application.reading() as connection:
        states = select(commission.c.id, commission.c.version).where(commission.c.id.in_(commission_ids))
        of_rows = select(outbox_event.c.aggregate_id, outbox_event.c.aggregate_version)
        rows = connection.execute(of_rows.where(outbox_event.c.aggregate_id.in_(commission_ids)))
        return dict(connection.execute(states).tuples().all()), {(row[0], row[1]) for row in rows}
