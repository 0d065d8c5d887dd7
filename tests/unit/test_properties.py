"""Test each property on sound histories, which satisfy all, and on broken ones, which the right property finds and proves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from domain.clock import from_epoch_us
from domain.contents import format_instant
from scenarios.history.records import CommissionState, History, Operation, instant_us
from scenarios.observations import MOST, PLACES, counter_example_from_json, in_time_order
from scenarios.properties import PROPERTIES, first_counter_example, judge
from scenarios.properties.violations import Violation
from tests.histories import Run, example, sound_histories
from tests.history_mutations import MUTATIONS, Defect, Pick

DEFECTS = [(name, mutate) for name, mutations in MUTATIONS.items() for mutate in mutations]


def broken(history: History) -> set[str]:
    return {name for name, finding in judge(history).items() if not finding.holds}


def finds(property_name: str, defect: Defect) -> None:
    finding = judge(defect.history)[property_name]
    counter_example = finding.counter_example()
    assert counter_example is not None, f"{property_name} holds"
    assert counter_example.property == property_name
    assert 1 <= len(counter_example.events) <= MOST
    assert defect.id in {event.id for event in counter_example.events}
    assert all(event.place in PLACES and event.text for event in counter_example.events)
    times = [event.at for event in counter_example.events if event.at is not None]
    assert times == sorted(times)


def pick_last(records: list[Any]) -> Any:
    return records[-1]


def pick_from(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Pick:
    return lambda records: records[draw(st.integers(0, len(records) - 1))]


def test_every_property_has_its_defects() -> None:
    assert MUTATIONS.keys() == PROPERTIES.keys()


def test_a_sound_history_satisfies_every_property() -> None:
    assert broken(example()) == set()
    assert first_counter_example(judge(example())) is None


@how(max_examples=40)
@given(sound_histories())
def test_every_sound_history_satisfies_every_property(history: History) -> None:
    assert broken(history) == set()


@pytest.mark.parametrize(("name", "mutate"), DEFECTS, ids=lambda each: getattr(each, "__name__", each))
def test_a_defect_is_found_and_proved(name: str, mutate: Callable[[History, Pick], Defect]) -> None:
    finds(name, mutate(example(), pick_last))


@how(max_examples=60)
@given(history=sound_histories(), defect=st.sampled_from(DEFECTS), data=st.data())
def test_any_defect_of_any_history_is_found_and_proved(
    history: History, defect: tuple[str, Callable[[History, Pick], Defect]], data: st.DataObject
) -> None:
    name, mutate = defect
    finds(name, mutate(history, pick_from(data.draw)))


@pytest.mark.breadth
@pytest.mark.parametrize(("name", "mutate"), DEFECTS, ids=lambda each: getattr(each, "__name__", each))
@how(max_examples=100)
@given(history=sound_histories(), data=st.data())
def test_each_defect_of_any_history_is_found_and_proved(
    name: str, mutate: Callable[[History, Pick], Defect], history: History, data: st.DataObject
) -> None:
    finds(name, mutate(history, pick_from(data.draw)))


def test_a_counter_example_reads_as_a_list_in_time_order() -> None:
    """Of the approval that overtook a calculation: both commits, then the effects as they became visible."""
    run = Run()
    calculated = run.calculate(1, 100)
    approved = run.approve(calculated)
    for event in (approved, calculated):  # the capture swapped them
        run.publish(event)
    for event in (approved, calculated):
        run.notify(event)
        run.audit(event)
    assert broken(run.history()) == {"in_order"}
    found = first_counter_example(judge(run.history()))
    assert found is not None
    assert [(event.place, event.id, event.text) for event in found.events] == [
        ("database", "e-1-1", "CommissionCalculated committed as version 1"),
        ("database", "e-1-2", "CommissionApproved committed as version 2"),
        ("broker", "e-1-2", "published as a message"),
        ("broker", "e-1-1", "published as a message"),
        ("worker", "e-1-2", "version 2 notified as number 1"),
        ("worker", "e-1-1", "version 1 notified as number 2"),
    ]
    stored = json.loads(json.dumps(asdict(found)))
    assert counter_example_from_json(stored) == found
    assert counter_example_from_json(None) is None


def test_what_a_differing_field_was_and_is_stands_in_the_proof() -> None:
    defect = MUTATIONS["contents_unchanged"][0](example(), pick_last)
    found = first_counter_example(judge(defect.history))
    assert found is not None
    assert [event.text for event in found.events] == [
        'committed with payload.amount "20.00"',
        'notified with payload.amount "0.00"',
    ]


# Where a property must not find anything.


def test_an_event_requeued_after_later_ones_is_in_order() -> None:
    run = Run()
    calculated = run.calculate(1, 100)
    approved = run.approve(calculated)
    run.publish(calculated)
    run.publish(approved)
    run.dead_letter(calculated, requeued=True)
    run.notify(approved)
    run.notify(calculated)
    run.audit(calculated)
    run.audit(approved)
    assert broken(run.history()) == set()


def test_a_notified_event_that_fails_at_a_redelivery_holds_no_other_event() -> None:
    run = Run()
    calculated = run.calculate(1, 100)
    approved = run.approve(calculated)
    for event in (calculated, approved):
        run.publish(event)
        run.notify(event)
        run.audit(event)
    run.dead_letter(calculated, requeued=False)
    assert broken(run.history()) == set()


def test_without_one_clock_what_became_visible_is_not_compared() -> None:
    defect = MUTATIONS["in_order"][1](_two_in_order(), pick_last)
    assert broken(defect.history) == {"in_order"}
    assert broken(replace(defect.history, one_clock=False)) == set()


def test_a_clock_that_was_set_back_is_no_disorder() -> None:
    """The worker's clock was an hour ahead for the first event, and right for the second."""
    history = _two_in_order()
    first, second = history.notifications
    hour_us = 3_600_000_000
    assert first.visible_us is not None
    ahead = replace(
        first,
        notified_at=format_instant(from_epoch_us((instant_us(first.notified_at) or 0) + hour_us)),
        visible_us=first.visible_us + hour_us,
    )
    lines = tuple(
        replace(line, notified_at=ahead.notified_at) if line.seq == first.seq else line for line in history.audit_lines
    )
    assert broken(replace(history, notifications=(ahead, second), audit_lines=lines)) == set()
    slow = replace(first, visible_us=ahead.visible_us)  # its transaction was open all the time
    assert broken(replace(history, notifications=(slow, second))) == {"in_order"}


def test_a_dead_letter_that_nobody_requeued_is_a_loss() -> None:
    run = Run()
    event = run.calculate(1, 100)
    run.publish(event)
    run.dead_letter(event, requeued=False)
    assert broken(run.history()) == {"nothing_lost"}
    found = first_counter_example(judge(run.history()))
    assert found is not None
    assert [event.place for event in found.events] == ["database", "worker", "worker"]


def test_a_parked_row_is_lost_and_is_not_missing_on_a_topic() -> None:
    run = Run()
    event = run.calculate(1, 100)
    run.dead_letter(event, requeued=False, parked=True)
    assert broken(run.history()) == {"nothing_lost"}
    assert broken(replace(run.history(), dead_letters=())) == {"nothing_lost", "published_what_was_committed"}


def test_a_pruned_row_counts_as_committed_and_its_copies_are_compared() -> None:
    history = example()
    pruned = replace(history, outbox=history.outbox[1:], pruned=frozenset({"e-1-1"}), has_pruned=True)
    assert broken(pruned) == set()
    changed = replace(pruned.notifications[0], contents=replace(pruned.notifications[0].contents, type="other"))
    notifications = (changed, *pruned.notifications[1:])
    assert "contents_unchanged" in broken(replace(pruned, notifications=notifications))


def test_an_acknowledged_approval_that_changed_nothing_needs_the_state_alone() -> None:
    history = example()
    unchanged = Operation("HTTP", "approve", "c-1", 1, 2, "acknowledged")
    assert broken(replace(history, operations=(*history.operations, unchanged))) == set()
    waiting = CommissionState("c-9", "conversion-9", "CALCULATED", 0, {}, 1)
    unkept = replace(unchanged, target="c-9")
    states = (*history.commissions, waiting)
    found = judge(replace(history, commissions=states, operations=(*history.operations, unkept)))
    assert not found["acknowledged_is_committed"].holds
    assert not found["acknowledged_is_committed"].violations[0].is_final


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": "CALCULATED"}, "status"),
        ({"version": 3}, "version"),
        ({"amounts": {"currency": "EUR"}}, "currency"),
        ({"amounts": {"grossAmount": "1.00"}}, "grossAmount"),
        ({"amounts": {"rate": "not a number"}}, "rate"),
    ],
)
def test_a_commission_that_differs_from_its_events_is_named(changes: dict[str, Any], field: str) -> None:
    history = example()
    state = replace(history.commissions[0], **changes)
    (violation, *_) = PROPERTIES["state_and_outbox_agree"](
        replace(history, commissions=(state,), outbox=history.outbox[:2])
    )
    assert violation.detail.startswith(f"c-1: {field} is ")


def test_amounts_that_differ_in_spelling_only_are_equal() -> None:
    history = example()
    state = replace(history.commissions[0], amounts={"amount": "10.0000", "rate": "0.100000"})
    assert broken(replace(history, commissions=(state, *history.commissions[1:]))) == set()


def test_a_violation_without_proof_or_with_too_much_cannot_be_made() -> None:
    proof = judge(MUTATIONS["effect_once"][0](example(), pick_last).history)["effect_once"].violations[0].observations
    with pytest.raises(ValueError, match="0 observations"):
        Violation("out of order", "e", ())
    with pytest.raises(ValueError, match="7 observations"):
        Violation("out of order", "e", (*proof, *proof, *proof, *proof)[:7])


def test_what_has_no_time_stays_behind_its_cause() -> None:
    (violation,) = judge(MUTATIONS["nothing_lost"][0](example(), pick_last).history)["nothing_lost"].violations
    assert in_time_order(violation.observations)[-1].text == "no notification"


def _two_in_order() -> History:
    run = Run()
    calculated = run.calculate(1, 100)
    approved = run.approve(calculated)
    for event in (calculated, approved):
        run.publish(event)
        run.notify(event)
        run.audit(event)
    return run.history()
