"""The accountant sees each kind of violation in a fabricated history, and none in a sound one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fuzzing.accounting import Accountant, Failure
from fuzzing.inputs import COMMISSION, Message, Request, Row, Tag
from fuzzing.judging import Violation, judge
from fuzzing.ledger import EventTrace, Ledger, contents
from fuzzing.outcomes import Answered, Declined, Inserted, Published
from fuzzing.report import LONGEST_STANDSTILL_S, Report

TAG = Tag("0a0b0c0d", 7)
COMMAND = Message(
    TAG,
    "calculate",
    "commands",
    "commands",
    b'{"command":"calculate","conversionId":"%b"}' % TAG.conversion_id.encode(),
)
EVENT = Message(TAG, "envelope", "messages", "events", b"{}")
SENT = Published("topic", "(1,0,-1,-1)")
POST = Request(TAG, "calculate")
ROW = Row(TAG, "row", ())
CREATED = Answered(201, {"eventIds": ["e"], "commissionId": "c"})
SAID = contents("CommissionCalculated", "c", 1, "r", '{"amount": 1.50}')


def whole() -> EventTrace:
    return EventTrace(committed=SAID, published=True, notified=SAID, audited=SAID)


def ledger_with(event: EventTrace | None = None, **message: Any) -> Ledger:
    ledger = Ledger()
    if event is not None:
        ledger.events["e"] = event
        ledger.first_events[TAG.conversion_id] = "e"
        ledger.rows[1] = "e"
    trace = ledger.message(SENT.topic, SENT.message_id)
    for name, value in message.items():
        setattr(trace, name, value)
    return ledger


def fault(verdict: object) -> str:
    assert isinstance(verdict, Violation), verdict
    return verdict.fault


DEAD: dict[str, Any] = {
    "observed": True,
    "outcome": "dead_lettered",
    "dead_reason": "bad_row",
    "on_dead_letter_topic": True,
}


def test_each_fate_is_seen() -> None:
    assert judge(POST, Answered(422), ledger_with()) == "refused"
    assert judge(POST, CREATED, ledger_with(whole())) == "applied"
    assert judge(COMMAND, SENT, ledger_with(**DEAD)) == "dead_lettered"
    assert judge(COMMAND, SENT, ledger_with(whole())) == "applied"
    assert judge(EVENT, SENT, ledger_with(**DEAD)) == "dead_lettered"
    assert judge(EVENT, SENT, ledger_with(whole(), observed=True, outcome="applied", event_id="e")) == "applied"
    assert judge(EVENT, SENT, ledger_with(whole(), observed=True, outcome="duplicate", event_id="e")) == "applied"
    assert judge(EVENT, SENT, ledger_with(observed=True, outcome="skipped")) == "refused"
    assert judge(ROW, Inserted("e", 1), ledger_with(whole())) == "applied"
    assert (
        judge(ROW, Inserted("e", 1), ledger_with(EventTrace(committed=SAID, dead_reason="bad_row"))) == "dead_lettered"
    )
    parked = ledger_with(EventTrace(committed=SAID))
    parked.message("outbox", "1").dead_reason = "bad_row"
    assert judge(ROW, Inserted("e", 1), parked) == "dead_lettered"
    assert judge(ROW, Declined("NOT NULL"), ledger_with()) == "refused"


@pytest.mark.parametrize("lacking", ["committed", "published", "notified", "audited"])
def test_what_one_source_lacks_is_not_applied(lacking: str) -> None:
    event = whole()
    setattr(event, lacking, None)
    for fuzz_input, outcome in ((POST, CREATED), (COMMAND, SENT), (ROW, Inserted("e", 1))):
        assert judge(fuzz_input, outcome, ledger_with(event)) is None


@pytest.mark.parametrize("lacking", list(DEAD))
def test_half_a_dead_letter_is_none(lacking: str) -> None:
    empty = None if lacking in ("dead_reason", "outcome") else False
    assert judge(EVENT, SENT, ledger_with(**{**DEAD, lacking: empty})) is None


@pytest.mark.parametrize("source", ["notified", "audited"])
def test_what_arrives_changed_is_a_violation(source: str) -> None:
    event = whole()
    setattr(event, source, contents("CommissionCalculated", "c", 1, "r", '{"amount": 0.00}'))
    for fuzz_input, outcome in ((POST, CREATED), (COMMAND, SENT), (ROW, Inserted("e", 1))):
        assert fault(judge(fuzz_input, outcome, ledger_with(event))) == "changed"


def test_an_approval_is_applied_by_the_event_of_the_commission_that_was_put_in() -> None:
    approval = replace(COMMAND, value=b'{"command":"approve","commissionId":"%b"}' % COMMISSION.encode())
    ledger = ledger_with(whole())
    assert judge(approval, replace(SENT, commission_id="c"), ledger) is None
    ledger.versions["c", "2"] = "e"
    assert judge(approval, replace(SENT, commission_id="c"), ledger) == "applied"
    assert judge(approval, replace(SENT, commission_id="other"), ledger) is None


def test_two_fates_contradict_each_other() -> None:
    dead = replace(whole(), dead_reason="bad_row")
    assert fault(judge(POST, Answered(422), ledger_with(whole()))) == "contradictory"
    assert fault(judge(COMMAND, SENT, ledger_with(whole(), **DEAD))) == "contradictory"
    assert fault(judge(EVENT, SENT, ledger_with(whole(), **{**DEAD, "outcome": "applied"}))) == "contradictory"
    assert fault(judge(ROW, Inserted("e", 1), ledger_with(dead))) == "contradictory"
    committed_only = EventTrace(committed=SAID, dead_reason="bad_row")
    assert fault(judge(POST, CREATED, ledger_with(committed_only))) == "contradictory"
    assert fault(judge(EVENT, SENT, ledger_with(**{**DEAD, "dead_reason": ""}))) == "contradictory"


@pytest.mark.parametrize(
    "answer",
    [
        Answered(500),
        Answered(503),
        Answered(0, fault="reset"),
        Answered(0, fault="timeout"),
        Answered(0, fault="closed"),
    ],
)
def test_answers_that_are_the_servers_fault(answer: Answered) -> None:
    assert fault(judge(POST, answer, ledger_with())) == "server_error"


def test_a_malformed_request_may_be_answered_by_closing() -> None:
    malformed = replace(POST, raw=b"\x00")
    assert judge(malformed, Answered(0, fault="closed"), ledger_with()) == "refused"
    assert fault(judge(malformed, Answered(500), ledger_with())) == "server_error"


def test_a_number_is_the_same_however_it_is_written_and_another_is_not() -> None:
    def says(payload: str) -> str:
        return contents("t", "c", 1, "r", payload)

    assert says('{"a":1.50,"b":[true]}') == says('{"b": [true], "a": 15e-1}')
    assert says('{"a":1}') != says('{"a":"1"}')
    assert says('{"a":0.1}') != says('{"a":0.1000000000000000055}')
    assert says('{"a":0.1}') == says('{"a":0.1000000000000000055511151231257827021181583404541015625}')
    assert says('{"a":1e9999999999}') != says('{"a":Infinity}')
    assert says('{"a":true}') != says('{"a":1}')


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def accountant(ledger: Ledger) -> tuple[Accountant, list[Failure], Clock]:
    failures: list[Failure] = []
    clock = Clock()
    return Accountant(ledger, failures.append, clock), failures, clock


def test_what_never_settles_is_lost_and_a_good_one_counts_twice() -> None:
    ledger = ledger_with()
    keeper, failures, _ = accountant(ledger)
    keeper.record_sent(replace(COMMAND, good=True), SENT)
    keeper.record_sent(EVENT, SENT)
    assert keeper.settle(lambda: True) == 0
    assert keeper.count_pending() == 2
    keeper.give_up()
    assert [each.violation.fault for each in failures] == ["lost", "lost"]
    report = Report.from_tally("embedded", 1, keeper.tally, [])
    assert (report.ok, report.unaccounted, report.good_lost) == (False, 2, 1)


def test_a_good_input_that_is_refused_is_lost_though_it_is_accounted_for() -> None:
    keeper, failures, _ = accountant(ledger_with())
    keeper.record_sent(replace(POST, good=True), Answered(422))
    keeper.settle(lambda: True)
    report = Report.from_tally("embedded", 1, keeper.tally, [])
    assert (report.ok, report.unaccounted, report.good_lost, report.refused) == (False, 0, 1, 1)
    assert len(failures) == 1


def test_a_second_fate_that_comes_late_is_seen() -> None:
    ledger = ledger_with(**DEAD)
    keeper, failures, _ = accountant(ledger)
    keeper.record_sent(COMMAND, SENT)
    assert keeper.settle(lambda: True) == 1
    ledger.first_events[TAG.conversion_id] = "e"
    keeper.give_up()
    assert [each.violation.fault for each in failures] == ["contradictory"]
    assert keeper.tally.fates["dead_lettered"] == 0


def test_nothing_is_judged_before_the_sources_were_read() -> None:
    keeper, _, _ = accountant(ledger_with())
    keeper.record_sent(POST, Answered(422))
    assert keeper.settle(lambda: False) == 0
    assert keeper.settle(lambda: True) == 1


def test_the_longest_standstill_of_good_inputs_is_measured_while_one_waits() -> None:
    ledger = ledger_with()
    keeper, _, clock = accountant(ledger)
    clock.now += 1000  # nobody waits
    keeper.record_sent(replace(POST, good=True), CREATED)
    clock.now += 70
    keeper.settle(lambda: True)
    assert keeper.tally.longest_standstill_s == pytest.approx(70)
    ledger.events["e"] = whole()
    clock.now += 5
    keeper.settle(lambda: True)
    assert keeper.tally.longest_standstill_s == pytest.approx(75)
    assert not Report.from_tally("embedded", 1, keeper.tally, []).ok
    keeper.tally.longest_standstill_s = LONGEST_STANDSTILL_S
    assert Report.from_tally("embedded", 1, keeper.tally, []).ok


def test_a_channel_that_settles_nothing_stands_still() -> None:
    keeper, _, clock = accountant(ledger_with())
    keeper.record_sent(COMMAND, SENT)
    clock.now += 59
    assert keeper.stuck_channels(60) == []
    keeper.record_sent(POST, Answered(404))
    clock.now += 2
    keeper.settle(lambda: True)
    assert keeper.stuck_channels(60) == ["commands"]


def test_a_death_alone_fails_the_run() -> None:
    keeper, _, _ = accountant(ledger_with())
    assert Report.from_tally("embedded", 1, keeper.tally, []).ok
    assert not Report.from_tally("embedded", 1, keeper.tally, ["commands"]).ok


def test_the_ledger_forgets_the_oldest_and_remembers_that_they_were_complete() -> None:
    ledger = Ledger(max_entries=2)
    for number in range(3):
        trace = ledger.event(f"e{number}")
        trace.committed = trace.notified = trace.audited = SAID
        trace.published = True
        trace.conversion_id, trace.version = f"k{number}", (f"c{number}", "1")
        ledger.first_events[f"k{number}"] = f"e{number}"
    assert list(ledger.events) == ["e1", "e2"]
    assert ledger.first_events == {"k0": None, "k1": "e1", "k2": "e2"}
    old = replace(COMMAND, value=b'{"conversionId":"k0"}')
    assert judge(old, SENT, ledger) == "applied"
