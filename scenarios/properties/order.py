"""Judge the order in which the events of each commission took effect at the consumer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scenarios.history.records import DeadLetter, EventMessage, History, Notification, OutboxRow, instant_us
from scenarios.observations import Observation
from scenarios.properties import observe
from scenarios.properties.violations import OUT_OF_ORDER, Violation


@dataclass(frozen=True, slots=True)
class _Event:
    """An event with what became of it at the consumer first."""

    version: int
    event_id: str
    row: OutboxRow | None
    notification: Notification | None
    """Its effect; None while it has none."""
    dead_letter: DeadLetter | None
    """Its first dead letter, if that came before its effect."""
    is_requeued: bool
    """Whether it took effect because somebody requeued it: then it may be late, and may not be early."""


def in_order(history: History) -> Iterator[Violation]:
    """An event takes effect after every earlier one of its commission took effect, or was dead-lettered.

    Three clocks are asked. `seq` is the order of inserts, and on SQLite that of commits. `visible_us` is when a worker had
    committed: on MySQL a later insert may become visible first, within the transaction of the earlier one. So if it became
    visible before that transaction even began, the worker's clock was set back in between, and says nothing of the order.
    A later event must also wait until a failing one is dead-lettered.
    """
    for events in _by_commission(history):
        for position, later in enumerate(events):
            if later.notification is None or later.is_requeued:
                continue
            overtaken = next((earlier for earlier in events[:position] if _overtakes(later, earlier, history)), None)
            if overtaken is not None:
                yield Violation(OUT_OF_ORDER, _name_event(later, overtaken), tuple(_prove(history, overtaken, later)))


def _by_commission(history: History) -> Iterator[list[_Event]]:
    """Yield the events of each commission in the order of their versions, those without an effect or dead letter left out."""
    commissions: dict[str, list[_Event]] = {}
    for event_id in dict.fromkeys([*history.committed, *history.notifications_of]):
        row = history.rows.get(event_id)
        notifications = history.notifications_of.get(event_id, [])
        letters = history.dead_letters_of.get(event_id, [])
        contents = row.contents if row is not None else notifications[0].contents if notifications else None
        if contents is None or not (notifications or letters):
            continue
        effect = notifications[0] if notifications else None
        notified_us = None if effect is None else instant_us(effect.notified_at)
        is_dead_first = bool(letters) and (notified_us is None or letters[0].dead_lettered_us <= notified_us)
        event = _Event(
            contents.aggregate_version,
            event_id,
            row,
            effect,
            letters[0] if is_dead_first else None,
            is_dead_first and effect is not None and any(letter.requeued_us is not None for letter in letters),
        )
        commissions.setdefault(contents.commission_id, []).append(event)
    for events in commissions.values():
        yield sorted(events, key=lambda event: event.version)


def _overtakes(later: _Event, earlier: _Event, history: History) -> bool:
    """Return whether a later event took effect although the earlier one had neither taken effect nor been dead-lettered."""
    effect = later.notification
    if effect is None or earlier.version == later.version:
        return False
    if earlier.dead_letter is not None:
        notified_us = instant_us(effect.notified_at)
        return notified_us is not None and notified_us < earlier.dead_letter.dead_lettered_us
    first = earlier.notification
    if first is None:
        return False
    if first.seq > effect.seq:
        return True
    if not history.one_clock or first.visible_us is None or effect.visible_us is None:
        return False
    begun_us = instant_us(first.notified_at)
    return (begun_us is None or begun_us <= effect.visible_us) and effect.visible_us < first.visible_us


def _name_event(later: _Event, earlier: _Event) -> str:
    """Return the event that evidence names: the overtaken one, or the one that did not wait for a failing one."""
    return later.event_id if earlier.dead_letter is not None else earlier.event_id


def _prove(history: History, earlier: _Event, later: _Event) -> Iterator[Observation]:
    for event in (earlier, later):
        if event.row is not None:
            yield observe.row(event.row)
    first, second = (_first_message(history, event) for event in (earlier, later))
    if first is not None and second is not None and second.published_us < first.published_us:
        yield observe.message(second)  # the capture published them in this order already
        yield observe.message(first)
    assert later.notification is not None
    yield observe.notification(later.notification)
    if earlier.dead_letter is not None:
        yield observe.dead_letter(earlier.dead_letter)
    elif earlier.notification is not None:
        yield observe.notification(earlier.notification)


def _first_message(history: History, event: _Event) -> EventMessage | None:
    messages = history.messages_of.get(event.event_id)
    return messages[0] if messages else None
