"""Test which violations each property yields: their kind, the id that they name, their proof, and whether waiting can help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from domain.contents import Contents
from scenarios.history.records import DeadLetterMessage, Delivery, EventMessage, History, Notification, Operation
from scenarios.properties import audit, clients, letters, observe, order, path
from scenarios.properties.violations import (
    CONTENTS_DIFFER,
    DEAD,
    DEAD_LETTER,
    DUPLICATED,
    IN_ONE_PLACE,
    INBOX_DISAGREES,
    KEY_DIFFERS,
    NEVER_COMMITTED,
    NEVER_NOTIFIED,
    NOT_AUDITED,
    NOT_COMMITTED,
    NOT_NOTIFIED,
    NOT_PUBLISHED,
    OUT_OF_ORDER,
    REFUSED_AND_COMMITTED,
    REPEATED,
    Violation,
)
from tests.histories import Run, example

Property = Callable[[History], Iterator[Violation]]


def found(holds: Property, history: History) -> list[tuple[str, str, bool]]:
    """Return kind, id and finality of each violation."""
    return [(each.kind, each.id, each.is_final) for each in holds(history)]


def texts(holds: Property, history: History) -> list[str]:
    (violation,) = holds(history)
    return [observation.text for observation in violation.observations]


def changed(history: History, name: str, place: int, **changes: Any) -> History:
    records = list(getattr(history, name))
    records[place] = replace(records[place], **changes)
    values: dict[str, Any] = {name: tuple(records)}
    return replace(history, **values)


def without(history: History, name: str, place: int) -> History:
    records = getattr(history, name)
    values: dict[str, Any] = {name: records[:place] + records[place + 1 :]}
    return replace(history, **values)


# Clients.


def test_an_acknowledged_event_without_its_row_is_final() -> None:
    history = without(example(), "outbox", 0)
    assert found(clients.acknowledged_is_committed, history) == [(NOT_COMMITTED, "e-1-1", True)]


def test_a_command_on_the_topic_may_still_be_processed() -> None:
    promised = Operation("topic", "calculate", "conversion-9", 1, 2, "acknowledged")
    history = replace(example(), operations=(promised,))
    assert found(clients.acknowledged_is_committed, history) == [(NOT_COMMITTED, "calculate conversion-9", False)]


def test_a_command_without_an_answer_promises_nothing() -> None:
    unknown = Operation("HTTP", "calculate", "conversion-9", 1, 2, "unknown")
    assert found(clients.acknowledged_is_committed, replace(example(), operations=(unknown,))) == []


def test_only_answers_that_name_an_event_count_as_effects() -> None:
    history = example()
    first = history.operations[0]
    unchanged = replace(first, event_ids=())
    assert found(clients.command_once, replace(history, operations=(first, unchanged))) == []
    assert found(clients.command_once, replace(history, operations=(first, first))) == []  # the same record
    again = replace(first, answered_us=first.answered_us + 1)
    assert found(clients.command_once, replace(history, operations=(first, again))) == [
        (REPEATED, "conversion-1", True)
    ]


def test_changes_that_a_scenario_commits_itself_may_repeat() -> None:
    change = Operation("SQL", "change", "c-1", 1, 2, "acknowledged", ("e-1-1",))
    history = replace(example(), operations=(change, replace(change, answered_us=3, event_ids=("e-1-2",))))
    assert found(clients.command_once, history) == []


def test_a_refusal_beside_an_acknowledged_command_for_the_same_is_no_violation() -> None:
    history = example()
    refused = replace(history.operations[0], outcome="refused", event_ids=())
    alone = replace(history, operations=(refused,))
    assert found(clients.refused_leaves_nothing, alone) == [(REFUSED_AND_COMMITTED, "calculate conversion-1", True)]
    assert found(clients.refused_leaves_nothing, replace(history, operations=(refused, history.operations[0]))) == []


def test_a_refused_approval_may_find_a_commission_that_is_not_approved() -> None:
    refused = Operation("HTTP", "approve", "c-1", 1, 2, "refused")
    history = replace(example(), operations=(refused,))
    assert found(clients.refused_leaves_nothing, history) == [(REFUSED_AND_COMMITTED, "approve c-1", True)]
    waiting = changed(history, "commissions", 0, status="CALCULATED")
    assert found(clients.refused_leaves_nothing, waiting) == []


# The path.


def test_an_event_that_is_not_published_may_still_be() -> None:
    run = Run()
    run.calculate(1, 100)
    assert found(path.published_what_was_committed, run.history()) == [(NOT_PUBLISHED, "e-1-1", False)]
    assert texts(path.published_what_was_committed, run.history())[1:] == ["not published"]


@pytest.mark.parametrize(
    ("reach", "kind", "last"),
    [
        ("nowhere", NOT_NOTIFIED, None),
        ("published", NOT_NOTIFIED, "published as a message"),
        ("delivered", NOT_NOTIFIED, "delivered: skipped"),
        ("dead", DEAD, "dead letter 1 stored: failed_too_often"),
    ],
)
def test_a_lost_event_is_shown_where_it_was_seen_last(reach: str, kind: str, last: str | None) -> None:
    run = Run()
    event = run.calculate(1, 100)
    if reach != "nowhere":
        run.publish(event)
    if reach == "delivered":
        run.deliver(event, "skipped")
    if reach == "dead":
        run.dead_letter(event, requeued=False)
    assert found(path.nothing_lost, run.history()) == [(kind, "e-1-1", False)]
    shown = texts(path.nothing_lost, run.history())
    assert shown[-1] == "no notification"
    assert (len(shown) == 2) if last is None else last == shown[1]


def test_an_event_that_was_notified_without_being_committed_is_named_once_by_place() -> None:
    history = example()
    phantom = replace(history.notifications[0].contents, event_id="phantom")
    notification = replace(history.notifications[0], seq=99, contents=phantom)
    history = replace(history, notifications=(*history.notifications, notification))
    assert {each[:2] for each in found(path.nothing_uncommitted, history)} == {(NEVER_COMMITTED, "phantom")}


def test_of_three_notifications_two_prove_that_the_effect_is_not_once() -> None:
    history = example()
    copies = tuple(replace(history.notifications[0], seq=90 + number) for number in range(2))
    history = replace(history, notifications=(*history.notifications, *copies))
    (violation,) = path.effect_once(history)
    assert (violation.kind, violation.id, len(violation.observations)) == (DUPLICATED, "e-1-1", 2)


def test_an_inbox_row_without_a_notification_and_the_reverse() -> None:
    history = example()
    alone = replace(history, deliveries=(*history.deliveries, Delivery(99, "e-9", "applied", "n", 0, 1)))
    assert found(path.notification_and_inbox_agree, alone) == [(INBOX_DISAGREES, "e-9", True)]
    assert found(path.notification_and_inbox_agree, replace(alone, pruned=frozenset({"e-9"}))) == []
    assert found(path.notification_and_inbox_agree, without(history, "notifications", 0)) == [
        (INBOX_DISAGREES, "e-1-1", True)
    ]


def test_a_differing_member_of_the_payload_is_named_before_any_other_field() -> None:
    history = example()
    own = history.notifications[0].contents
    other = replace(own, payload=own.payload.replace('"amount":"10.00"', '"amount":"10.01"'), correlation_id="other")
    history = changed(history, "notifications", 0, contents=other)
    (violation,) = path.contents_unchanged(history)
    assert violation.kind == CONTENTS_DIFFER
    assert violation.detail == 'notified e-1-1: payload.amount is "10.01", expected "10.00"'


@pytest.mark.parametrize(("key", "count"), [("c-1", 0), ("c-2", 1), (None, 1)])
def test_the_key_must_name_the_commission(key: str | None, count: int) -> None:
    history = changed(example(), "messages", 0, key=key)
    assert found(path.key_unchanged, history) == [(KEY_DIFFERS, "e-1-1", True)] * count


def test_the_key_of_a_message_that_cannot_be_read_and_has_no_row_is_not_judged() -> None:
    unreadable = EventMessage("e-9", "any", None, None, b"", None, 1)
    assert found(path.key_unchanged, replace(example(), messages=(unreadable,))) == []


# Order.


def in_work(*, later_first: bool) -> History:
    run = Run()
    calculated = run.calculate(1, 100)
    approved = run.approve(calculated)
    for event in (calculated, approved):
        run.publish(event)
    for event in (approved, calculated) if later_first else (calculated, approved):
        run.notify(event)
    return run.history()


def test_the_overtaken_event_is_named() -> None:
    assert found(order.in_order, in_work(later_first=True)) == [(OUT_OF_ORDER, "e-1-1", True)]
    assert found(order.in_order, in_work(later_first=False)) == []


def test_events_of_two_commissions_have_no_order() -> None:
    run = Run()
    first, second = run.calculate(1, 100), run.calculate(2, 100)
    run.notify(second)
    run.notify(first)
    assert found(order.in_order, run.history()) == []


def test_an_event_without_an_effect_yet_overtakes_nothing() -> None:
    history = in_work(later_first=False)
    assert found(order.in_order, without(history, "notifications", 0)) == []


# Dead letters.


def test_a_dead_letter_is_looked_for_in_both_places() -> None:
    history = example()
    no_message = replace(history, dead_letter_messages=())
    assert found(letters.dead_letters_in_topic_and_table, no_message) == [(IN_ONE_PLACE, "e-2-1", False)]
    no_row = replace(history, dead_letters=())
    assert found(letters.dead_letters_in_topic_and_table, no_row) == [(IN_ONE_PLACE, "e-2-1", False)]


def test_a_dead_letter_message_without_event_or_number_is_named_by_its_message() -> None:
    unnamed = DeadLetterMessage(None, None, "m-7", 1)
    history = replace(example(), dead_letters=(), dead_letter_messages=(unnamed,))
    assert found(letters.dead_letters_in_topic_and_table, history) == [(IN_ONE_PLACE, "m-7", False)]


def test_a_dead_letter_is_a_violation_only_where_none_is_expected() -> None:
    history = example()
    assert found(letters.no_dead_letter, history) == []
    (violation,) = letters.no_dead_letter(replace(history, expects_dead_letters=False))
    assert (violation.kind, violation.id, violation.detail) == (DEAD_LETTER, "e-2-1", "failed_too_often: why")


# The audit file.


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda history: without(history, "audit_lines", 0), NOT_AUDITED),
        (lambda history: replace(history, audit_lines=(*history.audit_lines, history.audit_lines[0])), DUPLICATED),
        (lambda history: changed(history, "audit_lines", 0, consumer="another"), CONTENTS_DIFFER),
        (lambda history: changed(history, "audit_lines", 0, seq=77), CONTENTS_DIFFER),
        (lambda history: without(history, "notifications", 0), NEVER_NOTIFIED),
    ],
)
def test_the_file_may_still_be_repaired(change: Callable[[History], History], kind: str) -> None:
    assert found(audit.audit_equals_notifications, change(example())) == [(kind, "e-1-1", False)]


def test_what_differs_in_a_line_is_said_with_both_values() -> None:
    (violation,) = audit.audit_equals_notifications(changed(example(), "audit_lines", 0, consumer="another"))
    assert violation.detail == "audited e-1-1: consumer is another, expected notifications"


# Observations.


def test_a_long_value_is_shortened_to_what_fits_into_a_line() -> None:
    contents: Contents = replace(example().outbox[0].contents, correlation_id="x" * 100)
    shown = observe.notification(Notification(1, contents, "n", "", None), "correlation_id")
    assert "x" * (observe.MAX_VALUE - 1) + "…" in shown.text
    assert "x" * observe.MAX_VALUE not in shown.text


def test_the_time_of_an_observation_is_the_most_exact_one() -> None:
    notification = example().notifications[0]
    assert observe.notification(notification).at == pytest.approx((notification.visible_us or 0) / 1e6)
    without_hop = replace(notification, visible_us=None)
    assert observe.notification(without_hop).at == pytest.approx(((notification.visible_us or 0) - 1) / 1e6)
    assert observe.line(example().audit_lines[0]).at is None
