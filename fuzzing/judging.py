"""Judge the fate of one input, from what was sent, the driver's outcome, and the ledger. This module is pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from fuzzing.inputs import COMMISSION, Input, Message, Request, Row
from fuzzing.ledger import EventTrace, Ledger, contents
from fuzzing.outcomes import Answered, Declined, Inserted, Outcome, Published

PARKED_TOPIC = "outbox"
"""`topic` of the dead letter of a parked row; its message id is the row's `seq`."""

Fate = Literal["refused", "dead_lettered", "applied"]
Fault = Literal["server_error", "contradictory", "changed", "lost"]


@dataclass(frozen=True, slots=True)
class Violation:
    fault: Fault
    detail: str


Verdict = Fate | Violation | None
"""None: the input is not settled yet."""


def judge(fuzz_input: Input, outcome: Outcome, ledger: Ledger) -> Verdict:
    """Return the fate of an input, a violation, or None when it is not settled yet."""
    match fuzz_input, outcome:
        case _, Declined():
            return "refused"
        case Request(), Answered():
            return _judge_request(fuzz_input, outcome, ledger)
        case Message(channel="commands"), Published():
            return _judge_command(fuzz_input, outcome, ledger)
        case Message(), Published():
            return _judge_message(fuzz_input, outcome, ledger)
        case Row(), Inserted():
            return _judge_row(outcome, ledger)
    raise TypeError(f"{type(fuzz_input).__name__} cannot end as {type(outcome).__name__}")


def describe_missing(fuzz_input: Input, outcome: Outcome, ledger: Ledger) -> str:
    """Return a sentence that says why an input is not settled."""
    match fuzz_input, outcome:
        case Request(), Answered(status=status, body=body):
            return f"answered {status}; " + "; ".join(
                ledger.event(event_id).missing_sources for event_id in _read_event_ids(body)
            )
        case Message(channel="commands"), Published():
            event_id = _find_event_of_command(fuzz_input, outcome, ledger)
            return "neither dead-lettered nor calculated" if not event_id else ledger.event(event_id).missing_sources
        case Message(), Published(topic, message_id):
            trace = ledger.message(topic, message_id)
            if trace.outcome is None and trace.dead_reason is None:
                sighting = "observed" if trace.observed else "not observed"
                return f"no inbox row and no dead letter; {sighting} on the topic"
            event = f"; {ledger.event(trace.event_id).missing_sources}" if trace.event_id else ""
            unseen = "" if trace.observed else "; the observer did not see the message"
            if trace.outcome == "dead_lettered" and not trace.on_dead_letter_topic:
                unseen += "; the observer did not see it on the dead-letter topic"
            return f"inbox says {trace.outcome}, dead letter {trace.dead_reason}{event}{unseen}"
        case Row(), Inserted(event_id):
            return ledger.event(event_id).missing_sources
    return "not sent"


def _judge_request(request: Request, answer: Answered, ledger: Ledger) -> Verdict:
    if answer.status == 0:
        if request.raw is not None and answer.fault == "closed":
            return "refused"
        return Violation("server_error", f"no answer: {answer.fault}")
    if answer.status >= 500:
        # The driver repeats a request after a 503. If it persists, this request causes it.
        return Violation("server_error", f"HTTP {answer.status}: {str(answer.body)[:200]}")
    if answer.status >= 300 or request.raw is not None:
        if request.tag.conversion_id in ledger.first_events and answer.status != 409:
            return Violation("contradictory", f"HTTP {answer.status}, and its commission is committed")
        return "refused"
    return _judge_events(_read_event_ids(answer.body), ledger)


def _read_event_ids(body: Any) -> list[str]:
    ids = body.get("eventIds") if isinstance(body, dict) else None
    return [str(event_id) for event_id in ids] if isinstance(ids, list) else []


def _judge_events(event_ids: list[str], ledger: Ledger) -> Verdict:
    """Return "applied" once every event is. Without events (a query, a repeated command) that is at once."""
    for event_id in event_ids:
        verdict = _judge_accepted_event(ledger.event(event_id))
        if verdict != "applied":
            return verdict
    return "applied"


def _judge_accepted_event(event: EventTrace) -> Verdict:
    """Judge the event of an accepted command, which must not be dead-lettered."""
    if event.dead_reason is not None and event.notified is None:
        return Violation("contradictory", f"committed, and its event is dead-lettered: {event.dead_reason}")
    return _judge_event(event)


def _judge_event(event: EventTrace) -> Verdict:
    if not event.complete:
        return None
    if event.notified != event.committed:
        return Violation("changed", f"committed {str(event.committed)[:300]}, notified {str(event.notified)[:300]}")
    if event.audited != event.notified:
        return Violation("changed", f"notified {str(event.notified)[:300]}, audited {str(event.audited)[:300]}")
    return "applied"


def _judge_command(message: Message, published: Published, ledger: Ledger) -> Verdict:
    trace = ledger.message(published.topic, published.message_id)
    is_dead_lettered = trace.dead_reason is not None and trace.on_dead_letter_topic
    if is_dead_lettered and message.tag.conversion_id in ledger.first_events:
        return Violation("contradictory", f"dead-lettered ({trace.dead_reason}), and its commission is committed")
    if is_dead_lettered:
        return "dead_lettered" if trace.dead_reason else Violation("contradictory", "dead-lettered without a reason")
    event_id = _find_event_of_command(message, published, ledger)
    if event_id is None:
        return None
    return "applied" if event_id == "" else _judge_accepted_event(ledger.event(event_id))


def _find_event_of_command(message: Message, published: Published, ledger: Ledger) -> str | None:
    """Return the id of the command's event; empty if it was complete and is forgotten; None if there is none."""
    conversion_id, commission_id = _find_named_ids(message.value, published.commission_id)
    if conversion_id in ledger.first_events:
        return ledger.first_events[conversion_id] or ""
    # Other commission ids may come from foreign rows, so they do not show that there is a commission.
    approval = (published.commission_id, "2")
    if commission_id == published.commission_id and approval in ledger.versions:
        return ledger.versions[approval] or ""
    return None


@lru_cache(maxsize=2000)  # a command is judged again and again until it is settled
def _find_named_ids(value: bytes, commission_id: str) -> tuple[str, str]:
    """Return the conversion id and the commission id that a command names; empty where it names none."""
    try:
        body = json.loads(value.replace(COMMISSION.encode(), commission_id.encode()))
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    conversion, commission = body.get("conversionId"), body.get("commissionId")
    return conversion if isinstance(conversion, str) else "", commission if isinstance(commission, str) else ""


def _judge_message(message: Message, published: Published, ledger: Ledger) -> Verdict:
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
    sent_contents = _read_contents(message.value)
    if trace.outcome == "applied" and sent_contents is not None and sent_contents != event.notified:
        return Violation("changed", f"sent {sent_contents[:300]}, notified {event.notified[:300]}")
    return "applied"


def _read_contents(value: bytes) -> str | None:
    """Return the contents of an envelope, read without the product's decoder; None if they cannot be read."""
    try:
        after = json.loads(value)["after"]
        names = ("type", "aggregate_id", "aggregate_version", "correlation_id", "payload")
        return contents(*(after[name] for name in names))
    except (ValueError, RecursionError, KeyError, TypeError):
        return None


def _judge_row(inserted: Inserted, ledger: Ledger) -> Verdict:
    event = ledger.event(ledger.rows.get(inserted.seq, inserted.event_id))
    reason = event.dead_reason or ledger.message(PARKED_TOPIC, str(inserted.seq)).dead_reason
    if reason is not None:
        if event.notified is not None:
            return Violation("contradictory", f"dead-lettered ({reason}), and notified")
        return "dead_lettered" if reason else Violation("contradictory", "dead-lettered without a reason")
    return _judge_event(event)
