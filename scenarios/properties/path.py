"""Judge the path of each event: committed, published, notified, each once and unchanged, and nothing that was not committed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from domain.contents import Contents, fields_of
from domain.message import Message
from scenarios.history.records import Delivery, EventMessage, History, OutboxRow
from scenarios.observations import Observation
from scenarios.properties import observe
from scenarios.properties.violations import (
    CONTENTS_DIFFER,
    DEAD,
    DUPLICATED,
    INBOX_DISAGREES,
    KEY_DIFFERS,
    NEVER_COMMITTED,
    NOT_NOTIFIED,
    NOT_PUBLISHED,
    Violation,
)


def published_what_was_committed(history: History) -> Iterator[Violation]:
    """Every committed event is on the topic of events, unless the capture parked its row."""
    for event_id, row in history.committed.items():
        if event_id in history.published_ids:
            continue
        parked = any(letter.is_parked for letter in history.dead_letters_of.get(event_id, ()))
        if parked and event_id not in history.notifications_of:
            continue
        proof = [] if row is None else [observe.row(row)]
        absence = observe.missing("broker", event_id, Message("seen.no_message"))
        yield Violation(NOT_PUBLISHED, event_id, (*proof, absence), is_final=False)


def nothing_lost(history: History) -> Iterator[Violation]:
    """Every committed event has its effect: a notification. A dead letter that nobody requeued is a loss too."""
    for event_id, row in history.committed.items():
        if event_id in history.notifications_of:
            continue
        letters = history.dead_letters_of.get(event_id)
        proof = [] if row is None else [observe.row(row)]
        last = _seen_last(history, event_id)
        absence = observe.missing("worker", event_id, Message("seen.no_notification"))
        kind = DEAD if letters else NOT_NOTIFIED
        yield Violation(kind, event_id, (*proof, *last, absence), is_final=False)


def _seen_last(history: History, event_id: str) -> list[Observation]:
    """Return where an event without a notification was seen last, if anywhere."""
    if letters := history.dead_letters_of.get(event_id):
        return [observe.dead_letter(letters[-1])]
    if deliveries := history.deliveries_of.get(event_id):
        return [observe.delivery(deliveries[-1])]
    if messages := history.messages_of.get(event_id):
        return [observe.message(messages[0])]
    return [observe.published(event_id)] if event_id in history.published_ids else []


def effect_once(history: History) -> Iterator[Violation]:
    """No event has two notifications."""
    for event_id, notifications in history.notifications_of.items():
        if len(notifications) > 1:
            yield Violation(
                DUPLICATED, event_id, tuple(observe.notification(notification) for notification in notifications[:2])
            )


def notification_and_inbox_agree(history: History) -> Iterator[Violation]:
    """Every notification has its inbox row, and every inbox row of an effect has its notification: they are one transaction."""
    applied: dict[str, list[Delivery]] = {}
    for delivery in history.deliveries:
        if delivery.outcome == "applied":
            applied.setdefault(delivery.event_id, []).append(delivery)
    for event_id in sorted(applied.keys() | history.notifications_of.keys()):
        if event_id in history.pruned:  # pruning deletes the inbox rows of such events
            continue
        rows, notifications = applied.get(event_id, []), history.notifications_of.get(event_id, [])
        if len(rows) > len(notifications):
            absence = observe.missing("worker", event_id, Message("seen.no_notification"))
            both = [*map(observe.notification, notifications[:1]), *map(observe.delivery, rows[:2])]
            yield Violation(INBOX_DISAGREES, event_id, (*both, absence) if not notifications else tuple(both))
        elif len(rows) < len(notifications):
            absence = observe.missing("worker", event_id, Message("seen.no_inbox_row"))
            yield Violation(INBOX_DISAGREES, event_id, (observe.notification(notifications[-1]), absence))


def nothing_uncommitted(history: History) -> Iterator[Violation]:
    """Nothing is published, notified or audited that was not committed."""
    present = history.published_ids | history.notifications_of.keys() | history.lines_of.keys()
    for event_id in sorted(present - history.committed.keys() - history.rows.keys() - history.rolled_back):
        proof: list[Observation] = []
        if messages := history.messages_of.get(event_id):
            proof.append(observe.message(messages[0]))
        elif event_id in history.published_ids:
            proof.append(observe.published(event_id))
        proof += [observe.notification(notification) for notification in history.notifications_of.get(event_id, ())[:1]]
        is_final = bool(proof)  # the audit worker repairs its own file
        proof += [observe.line(line) for line in history.lines_of.get(event_id, ())[:1]]
        absence = observe.missing("database", event_id, Message("seen.no_row"))
        yield Violation(NEVER_COMMITTED, event_id, (*proof, absence), is_final=is_final)
    for stray in history.strays:
        absence = observe.missing("database", stray.event_id, Message("seen.no_row"))
        yield Violation(NEVER_COMMITTED, stray.event_id, (observe.stray(stray), absence))


def contents_unchanged(history: History) -> Iterator[Violation]:
    """Messages and notifications have the contents of their outbox row; without one, all have the same."""
    for event_id in sorted(history.published_ids | history.notifications_of.keys()):
        row = history.rows.get(event_id)
        messages = [candidate for candidate in history.messages_of.get(event_id, ()) if candidate.contents is not None]
        original = row.contents if row is not None else messages[0].contents if messages else None

        def show_original(
            field: str, row: OutboxRow | None = row, first: Sequence[EventMessage] = messages
        ) -> Observation:
            return observe.message(first[0], field) if row is None else observe.row(row, field)

        for message in messages:
            field = _differing_field(original, message.contents)
            if field is None and row is not None and message.version != row.version:
                field = "version"
            if field is not None:
                detail = _describe("published", event_id, field, original, message.contents)
                proof = (show_original(field), observe.message(message, field))
                yield Violation(CONTENTS_DIFFER, event_id, proof, detail)
        for notification in history.notifications_of.get(event_id, ()):
            field = _differing_field(original, notification.contents)
            if field is not None:
                detail = _describe("notified", event_id, field, original, notification.contents)
                proof = (show_original(field), observe.notification(notification, field))
                yield Violation(CONTENTS_DIFFER, event_id, proof, detail)
    yield from _differing_digests(history)


def _differing_digests(history: History) -> Iterator[Violation]:
    """Compare the rows with what the observer keeps of events whose messages it no longer keeps."""
    for event in history.published:
        row = history.rows.get(event.event_id)
        is_read = any(message.contents is not None for message in history.messages_of.get(event.event_id, ()))
        if row is None or event.contents_digest is None or is_read:
            continue
        if event.contents_digest != row.contents.digest() or event.version != row.version:
            proof = (observe.row(row), observe.missing("broker", event.event_id, Message("seen.other_contents")))
            yield Violation(CONTENTS_DIFFER, event.event_id, proof)


def _differing_field(original: Contents | None, copy: Contents | None) -> str | None:
    """Return the first field in which they differ, a member of the payload before others; None when they are equal."""
    if original is None or copy is None or original == copy:
        return None
    expected, actual = fields_of(original), fields_of(copy)
    names = sorted(expected.keys() | actual.keys(), key=lambda name: (not name.startswith("payload"), name))
    return next((name for name in names if expected.get(name) != actual.get(name)), "payload")


def _describe(source: str, event_id: str, field: str, original: Contents | None, copy: Contents | None) -> str:
    expected = "-" if original is None else fields_of(original).get(field, "-")
    actual = "-" if copy is None else fields_of(copy).get(field, "-")
    return f"{source} {event_id}: {field} is {actual}, expected {expected}"


def key_unchanged(history: History) -> Iterator[Violation]:
    """The key of every message names the event's commission: brokers keep the order of each key."""
    for message in history.messages:
        row = history.rows.get(message.event_id)
        commission_id = row.contents.commission_id if row is not None else _commission_of(message)
        if commission_id is None or message.key == commission_id:
            continue
        base = () if row is None else (observe.row(row, "commission_id"),)
        yield Violation(KEY_DIFFERS, message.event_id, (*base, observe.message(message, "key")))


def _commission_of(message: EventMessage) -> str | None:
    return None if message.contents is None else message.contents.commission_id
