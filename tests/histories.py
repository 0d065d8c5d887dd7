"""Sound histories for tests: a run in which everything happens as it should, in any interleaving and with any repetition."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from domain.clock import from_epoch_us
from domain.contents import Contents, format_instant
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
)

RUN = "run-1"
BEGAN_US = 1_800_000_000_000_000
BODY = b"digest of a dead letter's body"
CALCULATED, APPROVED = "CommissionCalculated", "CommissionApproved"


@dataclass
class Run:
    """Builds a history step by step. The clock goes on with every step."""

    now_us: int = BEGAN_US
    records: dict[str, list[object]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def history(self, expects_dead_letters: bool = True) -> History:
        records = {name: tuple(values) for name, values in self.records.items()}
        return History(RUN, expects_dead_letters, **records)  # type: ignore[arg-type]

    def calculate(self, number: int, gross: int, outcome: str = "acknowledged") -> Contents:
        """Commit the first event of a commission, and answer its client."""
        amounts = {
            "conversionId": f"conversion-{number}",
            "grossAmount": f"{gross}.00",
            "rate": "0.1",
            "amount": f"{gross / 10:.2f}",
            "currency": "USD",
        }
        event = self._commit(number, 1, CALCULATED, amounts)
        state = CommissionState(f"c-{number}", f"conversion-{number}", "CALCULATED", 1, amounts, self.now_us)
        self._add("commissions", state)
        asked = (("conversionId", f"conversion-{number}"), ("grossAmount", f"{gross}"), ("currency", "USD"))
        self.answer("calculate", f"conversion-{number}", outcome, [event.event_id], asked)
        return event

    def approve(self, calculated: Contents, outcome: str = "acknowledged") -> Contents:
        number = int(calculated.commission_id.removeprefix("c-"))
        payload = json.loads(calculated.payload)
        event = self._commit(number, 2, APPROVED, {name: payload[name] for name in ("amount", "currency")})
        states = self.records["commissions"]
        place = next(
            place
            for place, state in enumerate(states)
            if isinstance(state, CommissionState) and state.commission_id == calculated.commission_id
        )
        state = states[place]
        assert isinstance(state, CommissionState)
        states[place] = replace(state, status="APPROVED", version=2, updated_us=self.now_us)
        self.answer("approve", calculated.commission_id, outcome, [event.event_id])
        return event

    def _commit(self, number: int, version: int, type_: str, payload: dict[str, str]) -> Contents:
        at = format_instant(from_epoch_us(self.now_us))
        text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
        event = Contents(f"e-{number}-{version}", f"c-{number}", version, type_, text, RUN, at)
        self._add("outbox", OutboxRow(self._next("outbox"), event, 1))
        return event

    def answer(
        self, command: str, target: str, outcome: str, event_ids: list[str], asked: tuple[tuple[str, str], ...] = ()
    ) -> None:
        ids = tuple(event_ids) if outcome == "acknowledged" else ()
        self._add("operations", Operation("HTTP", command, target, self.now_us, self.now_us + 1, outcome, ids, asked))  # type: ignore[arg-type]

    def publish(self, event: Contents) -> None:
        number = self._next("message")
        if not any(isinstance(each, EventMessage) and each.event_id == event.event_id for each in self._of("messages")):
            self._add("published", PublishedEvent(event.event_id, event.digest(), 1))
        message = EventMessage(
            event.event_id, event.commission_id, event, 1, b"%d" % number, self.now_us, self.now_us + 1
        )
        self._add("messages", message)

    def notify(self, event: Contents) -> None:
        at = format_instant(from_epoch_us(self.now_us))
        notification = Notification(self._next("notification"), event, "notifications", at, self.now_us + 1)
        self._add("notifications", notification)
        self.deliver(event, "applied")

    def deliver(self, event: Contents, outcome: str) -> None:
        delivery = Delivery(self._next("delivery"), event.event_id, outcome, "notifications", 0, self.now_us)
        self._add("deliveries", delivery)

    def audit(self, event: Contents) -> None:
        (notification,) = (
            each
            for each in self._of("notifications")
            if isinstance(each, Notification) and each.event_id == event.event_id
        )
        self._add("audit_lines", AuditLine(event, notification.seq, notification.consumer, notification.notified_at))

    def dead_letter(self, event: Contents, *, requeued: bool, parked: bool = False) -> None:
        number = self._next("dead_letter")
        requeued_us = self.now_us if requeued else None
        topic = "outbox" if parked else "events"
        letter = DeadLetter(
            number, event.event_id, RUN, topic, "failed_too_often", "why", self.now_us, requeued_us, BODY
        )
        self._add("dead_letters", letter)
        if not parked:
            self.deliver(event, "dead_lettered")
            self._add(
                "dead_letter_messages",
                DeadLetterMessage(number, event.event_id, f"m-{number}", self.now_us, "failed_too_often", BODY),
            )

    def _add(self, name: str, record: object) -> None:
        self.records.setdefault(name, []).append(record)
        self.now_us += 10

    def _of(self, name: str) -> list[object]:
        return self.records.get(name, [])

    def _next(self, name: str) -> int:
        self.numbers[name] = self.numbers.get(name, 0) + 1
        return self.numbers[name]


def example() -> History:
    """Return a small sound history: two approved commissions, an event dead-lettered and requeued, a refusal, a redelivery."""
    run = Run()
    events = []
    for number in (1, 2):
        calculated = run.calculate(number, 100 * number)
        events += [calculated, run.approve(calculated)]
    run.answer("calculate", "conversion-refused", "refused", [])
    for event in events:
        run.publish(event)
    run.notify(events[0])
    run.notify(events[1])
    run.dead_letter(events[2], requeued=True)
    run.notify(events[3])
    run.notify(events[2])
    run.deliver(events[0], "duplicate")
    for event in events:
        run.audit(event)
    return run.history()


@dataclass
class _Progress:
    """How far one event is, and what is drawn to become of it."""

    event: Contents
    fails: bool
    published: bool = False
    settled: bool = False
    notified: bool = False
    audited: bool = False


@st.composite
def sound_histories(draw: st.DrawFn) -> History:
    """Generate runs: any interleaving of commissions, failing events, redeliveries, refusals, and commands without an answer.

    Two approved commissions are in all of them, one with a failing event, so that there is always something to break.
    """
    run = Run()
    commissions: list[list[_Progress]] = []
    for number, fails in ((1, False), (2, True)):
        calculated = run.calculate(number, 100)
        commissions.append([_Progress(calculated, fails), _Progress(run.approve(calculated), False)])
    run.answer("calculate", "conversion-refused", "refused", [])
    run.answer("calculate", "conversion-1", "refused", [])  # it has a commission by another command
    for number in range(3, 3 + draw(st.integers(0, 2))):
        answers = st.sampled_from(["acknowledged", "unknown"])
        events = [run.calculate(number, draw(st.integers(1, 999)), draw(answers))]
        if draw(st.booleans()):
            events.append(run.approve(events[0], draw(answers)))
        commissions.append([_Progress(event, draw(st.booleans())) for event in events])
    while steps := [step for events in commissions for step in _next_steps(run, events)]:
        steps[draw(st.integers(0, len(steps) - 1))]()
    return run.history()


def _next_steps(run: Run, events: list[_Progress]) -> list[Callable[[], None]]:
    """Return what may happen next to a commission's events: each waits for the earlier ones at its place."""
    steps: list[Callable[[], None]] = []
    for place, each in enumerate(events):
        earlier = events[:place]
        if not each.published and all(other.published for other in earlier):
            steps.append(lambda each=each: _publish(run, each))  # type: ignore[misc]
        elif each.published and not each.settled and all(other.settled for other in earlier):
            steps.append(lambda each=each: _settle(run, each))  # type: ignore[misc]
        elif each.settled and not each.notified:
            steps.append(lambda each=each: _notify(run, each))  # type: ignore[misc]
        elif each.notified and not each.audited:
            steps.append(lambda each=each: _audit(run, each))  # type: ignore[misc]
    return steps


def _publish(run: Run, each: _Progress) -> None:
    run.publish(each.event)
    each.published = True


def _settle(run: Run, each: _Progress) -> None:
    each.settled = True
    if each.fails:
        run.dead_letter(each.event, requeued=True)
    else:
        _notify(run, each)


def _notify(run: Run, each: _Progress) -> None:
    run.notify(each.event)
    run.publish(each.event)  # the capture lost its offsets: published and delivered once more
    run.deliver(each.event, "duplicate")
    each.notified = True


def _audit(run: Run, each: _Progress) -> None:
    run.audit(each.event)
    each.audited = True
