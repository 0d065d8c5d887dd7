"""Defects of a history: each changes one thing of a sound one, and says which property must find which event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from scenarios.audit_lines import AuditLine
from scenarios.history.records import (
    CommissionState,
    EventMessage,
    History,
    Notification,
    OutboxRow,
    PublishedEvent,
    Stray,
)
from tests.history_editing import change_amount, neighbours, replacing, without, without_event

Pick = Callable[[list[Any]], Any]
"""Chooses one of several records."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A broken history, and the event, commission or command that a counter-example must show."""

    history: History
    id: str


def lose_notification(history: History, pick: Pick) -> Defect:
    lost = pick(list(history.notifications))
    return Defect(without(history, "notifications", lost), lost.event_id)


def lose_message(history: History, pick: Pick) -> Defect:
    event_id = pick(list(history.published)).event_id
    return Defect(without_event(history, event_id, "published", "messages"), event_id)


def double_effect(history: History, pick: Pick) -> Defect:
    original = pick(list(history.notifications))
    copy = replace(original, seq=max(each.seq for each in history.notifications) + 1)
    return Defect(replace(history, notifications=(*history.notifications, copy)), original.event_id)


def swap_two(history: History, pick: Pick) -> Defect:
    """Two events of a commission are inserted in the other order."""
    first, second = pick(neighbours(history))
    swapped = {
        first: replace(first, seq=second.seq, notified_at=second.notified_at, visible_us=second.visible_us),
        second: replace(second, seq=first.seq, notified_at=first.notified_at, visible_us=first.visible_us),
    }
    notifications = tuple(swapped.get(each, each) for each in history.notifications)
    return Defect(replace(history, notifications=notifications), first.event_id)


def show_later_first(history: History, pick: Pick) -> Defect:
    """Two events of a commission are inserted in order and become visible in the other order, as on MySQL."""
    first, second = pick(neighbours(history))
    late = replace(first, visible_us=second.visible_us + 1)
    return Defect(replacing(history, "notifications", first, late), first.event_id)


def overtake_failing(history: History, pick: Pick) -> Defect:
    """A later event does not wait until the failing one before it is dead-lettered."""
    by_id = {each.event_id: each for each in history.notifications}
    pairs = [
        (letter, by_id[later])
        for letter in history.dead_letters
        if (later := f"{letter.event_id[:-1]}2") in by_id  # type: ignore[index]
        and letter.event_id != later
        and later not in history.dead_letters_of
    ]
    _, later = pick(pairs)
    early = replace(later, notified_at="2000-01-01T00:00:00.000000Z")
    return Defect(replacing(history, "notifications", later, early), later.event_id)


def change_notified_amount(history: History, pick: Pick) -> Defect:
    original = pick(list(history.notifications))
    changed = replace(original, contents=change_amount(original.contents))
    return Defect(replacing(history, "notifications", original, changed), original.event_id)


def change_published_amount(history: History, pick: Pick) -> Defect:
    original = pick(list(history.messages))
    changed = replace(original, contents=change_amount(original.contents))
    return Defect(replacing(history, "messages", original, changed), original.event_id)


def change_trimmed_contents(history: History, pick: Pick) -> Defect:
    """The observer keeps no message of the event any more, only the digest of its contents."""
    original = pick(list(history.published))
    history = replace(history, messages=tuple(each for each in history.messages if each.event_id != original.event_id))
    changed = replace(original, contents_digest="0" * 32)
    return Defect(replacing(history, "published", original, changed), original.event_id)


def change_schema_version(history: History, pick: Pick) -> Defect:
    original = pick(list(history.messages))
    return Defect(replacing(history, "messages", original, replace(original, version=2)), original.event_id)


def change_key(history: History, pick: Pick) -> Defect:
    original = pick(list(history.messages))
    return Defect(replacing(history, "messages", original, replace(original, key="c-other")), original.event_id)


def drop_key(history: History, pick: Pick) -> Defect:
    original = pick(list(history.messages))
    return Defect(replacing(history, "messages", original, replace(original, key=None)), original.event_id)


def publish_phantom(history: History, pick: Pick) -> Defect:
    original: EventMessage = pick(list(history.messages))
    contents = replace(original.contents, event_id="phantom") if original.contents else None
    message = replace(original, event_id="phantom", contents=contents)
    published = (*history.published, PublishedEvent("phantom", None, 1))
    return Defect(replace(history, published=published, messages=(*history.messages, message)), "phantom")


def notify_phantom(history: History, pick: Pick) -> Defect:
    original: Notification = pick(list(history.notifications))
    phantom = replace(original, seq=10**6, contents=replace(original.contents, event_id="phantom"))
    return Defect(replace(history, notifications=(*history.notifications, phantom)), "phantom")


def audit_phantom(history: History, pick: Pick) -> Defect:
    original: AuditLine = pick(list(history.audit_lines))
    phantom = replace(original, contents=replace(original.contents, event_id="phantom"))
    return Defect(replace(history, audit_lines=(*history.audit_lines, phantom)), "phantom")


def lose_acknowledged(history: History, pick: Pick) -> Defect:
    """Nothing is left of an event that was acknowledged."""
    acknowledged = [each for each in history.operations if each.event_ids]
    event_id = pick(acknowledged).event_ids[0]
    names = ("outbox", "published", "messages", "notifications", "deliveries", "audit_lines", "dead_letters")
    return Defect(without_event(history, event_id, *names, "dead_letter_messages"), event_id)


def lose_promised(history: History, pick: Pick) -> Defect:
    """A command that the broker acknowledged was never processed."""
    original = pick(list(history.operations))
    promised = replace(original, command="calculate", target="conversion-x", outcome="acknowledged", event_ids=())
    return Defect(replace(history, operations=(*history.operations, promised)), "conversion-x")


def keep_refused(history: History, pick: Pick) -> Defect:
    state: CommissionState = pick(list(history.commissions))
    refused = tuple(
        replace(each, outcome="refused", event_ids=())
        for each in history.operations
        if each.target == state.conversion_id
    )
    others = tuple(each for each in history.operations if each.target != state.conversion_id)
    return Defect(replace(history, operations=(*others, *refused)), state.conversion_id)


def repeat_command(history: History, pick: Pick) -> Defect:
    """A command was sent again, and its second answer names an event too."""
    original = pick([each for each in history.operations if each.event_ids])
    again = replace(original, answered_us=original.answered_us + 9)
    return Defect(replace(history, operations=(*history.operations, again)), original.target)


def approve_twice(history: History, pick: Pick) -> Defect:
    """A commission has a second approval, which no answer names: its command came by the broker twice."""
    original = pick([row for row in history.outbox if row.event_id.endswith("-2")])
    again = replace(original.contents, event_id="e-x", aggregate_version=3)
    row = replace(original, seq=original.seq + 10**6, contents=again)
    return Defect(replace(history, outbox=(*history.outbox, row)), original.event_id)


def change_asked(history: History, pick: Pick) -> Defect:
    """A client asked for another gross amount than its commission has."""
    original = pick([each for each in history.operations if each.fields])
    other = (*((name, value) for name, value in original.fields if name != "grossAmount"), ("grossAmount", "0.01"))
    return Defect(replacing(history, "operations", original, replace(original, fields=other)), original.target)


def change_state(history: History, pick: Pick) -> Defect:
    original: CommissionState = pick(list(history.commissions))
    changed = replace(original, amounts={**original.amounts, "amount": "0.01"})
    return Defect(replacing(history, "commissions", original, changed), original.commission_id)


def lose_state(history: History, pick: Pick) -> Defect:
    original: CommissionState = pick(list(history.commissions))
    return Defect(without(history, "commissions", original), original.commission_id)


def lose_outbox_row(history: History, pick: Pick) -> Defect:
    row: OutboxRow = pick(list(history.outbox))
    return Defect(without(history, "outbox", row), row.contents.commission_id)


def lose_inbox_row(history: History, pick: Pick) -> Defect:
    row = pick([each for each in history.deliveries if each.outcome == "applied"])
    return Defect(without(history, "deliveries", row), row.event_id)


def lose_dead_letter_row(history: History, pick: Pick) -> Defect:
    letter = pick(list(history.dead_letters))
    return Defect(without(history, "dead_letters", letter), letter.event_id)


def lose_dead_letter_message(history: History, pick: Pick) -> Defect:
    message = pick(list(history.dead_letter_messages))
    return Defect(without(history, "dead_letter_messages", message), message.event_id)


def expect_no_dead_letter(history: History, pick: Pick) -> Defect:
    letter = pick(list(history.dead_letters))
    return Defect(replace(history, expects_dead_letters=False, dead_letters=(letter,)), letter.event_id)


def lose_line(history: History, pick: Pick) -> Defect:
    line: AuditLine = pick(list(history.audit_lines))
    return Defect(without(history, "audit_lines", line), line.contents.event_id)


def double_line(history: History, pick: Pick) -> Defect:
    line: AuditLine = pick(list(history.audit_lines))
    return Defect(replace(history, audit_lines=(*history.audit_lines, line)), line.contents.event_id)


def change_line(history: History, pick: Pick) -> Defect:
    line: AuditLine = pick(list(history.audit_lines))
    changed = replace(line, contents=change_amount(line.contents))
    return Defect(replacing(history, "audit_lines", line, changed), line.contents.event_id)


def apply_twice(history: History, pick: Pick) -> Defect:
    """The inbox counts two effects of an event that has one notification."""
    original = pick([each for each in history.deliveries if each.outcome == "applied"])
    again = replace(original, seq=original.seq + 10**6)
    return Defect(replace(history, deliveries=(*history.deliveries, again)), original.event_id)


def change_dead_letter_body(history: History, pick: Pick) -> Defect:
    original = pick(list(history.dead_letter_messages))
    changed = replace(original, digest=b"of nothing")
    return Defect(replacing(history, "dead_letter_messages", original, changed), original.event_id)


def change_dead_letter_reason(history: History, pick: Pick) -> Defect:
    original = pick(list(history.dead_letter_messages))
    changed = replace(original, reason="bad_data")
    return Defect(replacing(history, "dead_letter_messages", original, changed), original.event_id)


def add_foreign_line(history: History, pick: Pick) -> Defect:
    number = pick([2, 7])
    return Defect(replace(history, foreign_lines=(number,)), f"{number}")


def publish_stray(history: History, pick: Pick) -> Defect:
    """An event that nobody committed is published under a correlation id that is not the run's."""
    return Defect(replace(history, strays=(Stray("e-stray", pick([True, False]), 1),)), "e-stray")


MUTATIONS: dict[str, tuple[Callable[[History, Pick], Defect], ...]] = {
    "acknowledged_is_committed": (lose_acknowledged, lose_promised),
    "refused_leaves_nothing": (keep_refused,),
    "command_once": (repeat_command, approve_twice),
    "committed_what_was_asked": (change_asked,),
    "state_and_outbox_agree": (change_state, lose_state, lose_outbox_row),
    "published_what_was_committed": (lose_message,),
    "contents_unchanged": (
        change_notified_amount,
        change_published_amount,
        change_trimmed_contents,
        change_schema_version,
    ),
    "key_unchanged": (change_key, drop_key),
    "nothing_uncommitted": (publish_phantom, notify_phantom, audit_phantom, publish_stray),
    "nothing_lost": (lose_notification,),
    "effect_once": (double_effect,),
    "notification_and_inbox_agree": (lose_inbox_row, lose_notification, apply_twice),
    "in_order": (swap_two, show_later_first, overtake_failing),
    "no_dead_letter": (expect_no_dead_letter,),
    "dead_letters_in_topic_and_table": (
        lose_dead_letter_row,
        lose_dead_letter_message,
        change_dead_letter_body,
        change_dead_letter_reason,
    ),
    "audit_equals_notifications": (lose_line, double_line, change_line, audit_phantom, add_foreign_line),
}
"""Property → the defects that it must find."""
