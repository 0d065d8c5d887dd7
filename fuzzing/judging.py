"""Decides what became of one input. Pure: what was sent, what the driver learned, and the ledger."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from fuzzing.inputs import COMMISSION, Input, Message, Request, Row
from fuzzing.ledger import EventTrace, Ledger, contents
from fuzzing.outcomes import Answered, Declined, Inserted, Outcome, Published

PARKED_TOPIC = "outbox"
"""`topic` of the dead letter of a row that capture could not publish; its message id is the row's `seq`."""

Fate = Literal["refused", "dead_lettered", "applied"]
Fault = Literal["server_error", "contradictory", "changed", "lost"]


@dataclass(frozen=True, slots=True)
class Violation:
    fault: Fault
    detail: str


Verdict = Fate | Violation | None
"""None: it is not settled yet."""


def judge(given: Input, outcome: Outcome, ledger: Ledger) -> Verdict:
    match given, outcome:
        case _, Declined():
            return "refused"
        case Request(), Answered():
            return _request(given, outcome, ledger)
        case Message(channel="commands"), Published():
            return _command(given, outcome, ledger)
        case Message(), Published():
            return _message(given, outcome, ledger)
        case Row(), Inserted():
            return _row(outcome, ledger)
    raise TypeError(f"{type(given).__name__} cannot end as {type(outcome).__name__}")


def missing(given: Input, outcome: Outcome, ledger: Ledger) -> str:
    """Why an input is not settled, in words."""
    match given, outcome:
        case Request(), Answered(status=status, body=body):
            return f"answered {status}; " + "; ".join(ledger.event(each).missing for each in _event_ids(body))
        case Message(channel="commands"), Published():
            event_id = _event_of_command(given, outcome, ledger)
            return "neither dead-lettered nor calculated" if not event_id else ledger.event(event_id).missing
        case Message(), Published(topic, message_id):
            trace = ledger.message(topic, message_id)
            if trace.outcome is None and trace.dead_reason is None:
                seen = "observed" if trace.observed else "not observed"
                return f"no inbox row and no dead letter; {seen} on the topic"
            event = ledger.event(trace.event_id).missing if trace.event_id else ""
            return f"inbox says {trace.outcome}, dead letter {trace.dead_reason}; {event}"
        case Row(), Inserted(event_id):
            return ledger.event(event_id).missing
    return "not sent"


def _request(request: Request, answer: Answered, ledger: Ledger) -> Verdict:
    if answer.status == 0:
        if request.raw is not None and answer.fault == "closed":
            return "refused"
        return Violation("server_error", f"no answer: {answer.fault}")
    if answer.status >= 500:
        # The driver has repeated a 503 until it could only be about this request.
        return Violation("server_error", f"HTTP {answer.status}: {str(answer.body)[:200]}")
    if answer.status >= 300 or request.raw is not None:
        if request.tag.conversion_id in ledger.first_events and answer.status != 409:
            return Violation("contradictory", f"HTTP {answer.status}, and its commission is committed")
        return "refused"
    return _all_applied(_event_ids(answer.body), ledger)


def _event_ids(body: Any) -> list[str]:
    found = body.get("eventIds") if isinstance(body, dict) else None
    return [str(each) for each in found] if isinstance(found, list) else []


def _all_applied(event_ids: list[str], ledger: Ledger) -> Verdict:
    """Applied once every event is; at once where there is none: a reading, or work that was done already."""
    for event_id in event_ids:
        verdict = _arrived(ledger.event(event_id))
        if verdict != "applied":
            return verdict
    return "applied"


def _arrived(event: EventTrace) -> Verdict:
    """Of a command that was accepted: its event may not end as a dead letter."""
    if event.dead_reason is not None and event.notified is None:
        return Violation("contradictory", f"committed, and its event is dead-lettered: {event.dead_reason}")
    return _applied(event)


def _applied(event: EventTrace) -> Verdict:
    if not event.complete:
        return None
    if event.notified != event.committed:
        return Violation("changed", f"committed {str(event.committed)[:300]}, notified {str(event.notified)[:300]}")
    if event.audited != event.notified:
        return Violation("changed", f"notified {str(event.notified)[:300]}, audited {str(event.audited)[:300]}")
    return "applied"


def _command(message: Message, published: Published, ledger: Ledger) -> Verdict:
    trace = ledger.message(published.topic, published.message_id)
    dead = trace.dead_reason is not None and trace.on_dead_letter_topic
    if dead and message.tag.conversion_id in ledger.first_events:
        return Violation("contradictory", f"dead-lettered ({trace.dead_reason}), and its commission is committed")
    if dead:
        return "dead_lettered" if trace.dead_reason else Violation("contradictory", "dead-lettered without a reason")
    event_id = _event_of_command(message, published, ledger)
    if event_id is None:
        return None
    return "applied" if event_id == "" else _arrived(ledger.event(event_id))


def _event_of_command(message: Message, published: Published, ledger: Ledger) -> str | None:
    """The event that it brings; empty when that was complete and is forgotten; None when there is none."""
    conversion_id, commission_id = _named(message.value, published.commission_id)
    if conversion_id in ledger.first_events:
        return ledger.first_events[conversion_id] or ""
    # Of any other commission id it is not known that there is a commission: foreign rows name some, too.
    approval = (published.commission_id, "2")
    if commission_id == published.commission_id and approval in ledger.versions:
        return ledger.versions[approval] or ""
    return None


@lru_cache(maxsize=2000)  # a command is judged again and again until it is settled
def _named(value: bytes, commission_id: str) -> tuple[str, str]:
    """The conversion and the commission that a command names; empty where it names none."""
    try:
        body = json.loads(value.replace(COMMISSION.encode(), commission_id.encode()))
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    conversion, commission = body.get("conversionId"), body.get("commissionId")
    return conversion if isinstance(conversion, str) else "", commission if isinstance(commission, str) else ""


def _message(message: Message, published: Published, ledger: Ledger) -> Verdict:
    trace = ledger.message(published.topic, published.message_id)
    if not trace.observed or trace.outcome is None:
        return None
    if trace.outcome == "dead_lettered" or trace.dead_reason is not None:
        if trace.outcome != "dead_lettered":
            return Violation(
                "contradictory", f"dead-lettered ({trace.dead_reason}), and the inbox says {trace.outcome}"
            )
        if trace.dead_reason is None or not trace.on_dead_letter_topic:
            return None
        return "dead_lettered" if trace.dead_reason else Violation("contradictory", "dead-lettered without a reason")
    if trace.outcome == "skipped":
        return "refused"
    event = ledger.event(trace.event_id or "")
    if event.notified is None or event.audited is None:
        return None
    if event.audited != event.notified:
        return Violation("changed", f"notified {event.notified[:300]}, audited {event.audited[:300]}")
    said = _said(message.value)
    if trace.outcome == "applied" and said is not None and said != event.notified:
        return Violation("changed", f"sent {said[:300]}, notified {event.notified[:300]}")
    return "applied"


def _said(value: bytes) -> str | None:
    """What an envelope says, read without the product's help."""
    try:
        after = json.loads(value)["after"]
        names = ("type", "aggregate_id", "aggregate_version", "correlation_id", "payload")
        return contents(*(after[name] for name in names))
    except (ValueError, RecursionError, KeyError, TypeError):
        return None


def _row(inserted: Inserted, ledger: Ledger) -> Verdict:
    event = ledger.event(ledger.rows.get(inserted.seq, inserted.event_id))
    reason = event.dead_reason or ledger.message(PARKED_TOPIC, str(inserted.seq)).dead_reason
    if reason is not None:
        if event.notified is not None:
            return Violation("contradictory", f"dead-lettered ({reason}), and notified of")
        return "dead_lettered" if reason else Violation("contradictory", "dead-lettered without a reason")
    return _applied(event)
