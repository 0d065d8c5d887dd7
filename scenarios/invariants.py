"""Judge a run by the properties of its history, and give the verdict.

`scenarios.properties` says what must hold: what was acknowledged is committed, what is committed is published, notified and
audited once, in order and unchanged, and nothing else appears. `scenarios.reconciliation` says how far the sources are
independent of each other.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from db import notification_queries, queries
from db.dead_letter_queries import dead_letter_ids
from db.errors import DatabaseUnavailable
from domain.message import Message, extract_message
from scenarios import properties
from scenarios.history import History
from scenarios.model import Check, Counts, FaultWindow, Verdict
from scenarios.properties.violations import (
    CONTENTS_DIFFER,
    DUPLICATED,
    LOST,
    NEVER_COMMITTED,
    OUT_OF_ORDER,
    Finding,
    Violation,
)
from scenarios.trial import Standstill, Trial
from scenarios.waiting import TookTooLong

QUIET_S = 1.0
"""Pause before the final count, in which a duplicate might still arrive."""
MAX_NAMED_IDS = 20


@dataclass(frozen=True)
class Judgement:
    """What the properties say about the history of a run."""

    history: History
    findings: Mapping[str, Finding]

    @classmethod
    def of(cls, history: History) -> Judgement:
        return cls(history, properties.judge(history))

    @cached_property
    def violations(self) -> list[Violation]:
        return [violation for finding in self.findings.values() for violation in finding.violations]

    def ids_of(self, *kinds: str) -> set[str]:
        """Return the ids with a violation of one of these kinds."""
        return {violation.id for violation in self.violations if violation.kind in kinds}

    @property
    def differs_permanently(self) -> bool:
        """Whether there are violations and all are final: waiting cannot end any of them."""
        return bool(self.violations) and all(violation.is_final for violation in self.violations)


def wait_until_settled(trial: Trial, deadline_s: float, *, poisonous: bool = False) -> Judgement:
    """Wait until every property holds or the deadline passes, and return what they say then."""
    standstill = Standstill(trial)

    def all_hold() -> bool:
        try:
            if standstill.reached():
                raise TookTooLong(Message("waiting.sources_stopped"))
            with trial.application.reading() as connection:
                committed = queries.count_outbox_ids(connection, trial.run_id)
                accounted = notification_queries.count_notifications(connection, trial.run_id)
                accounted += len(dead_letter_ids(connection, trial.run_id))
            # Counting is cheap: read the history only when there may be nothing left to wait for.
            if accounted < committed:
                return False
            judgement = Judgement.of(trial.history(expects_dead_letters=poisonous))
            if judgement.differs_permanently:
                raise TookTooLong(Message("waiting.sources_differ"))
            return not judgement.violations
        except (DatabaseUnavailable, sqlite3.OperationalError):
            return False

    try:
        trial.wait(all_hold, deadline_s, Message("awaited.agreement"), 0.2)
        time.sleep(QUIET_S)
    except TookTooLong as error:
        trial.say("note", extract_message(error))
    return Judgement.of(trial.history(expects_dead_letters=poisonous))


def make_checks(judgement: Judgement) -> list[Check]:
    """Return the invariants of every run: one for each property."""
    return [_make_check(finding) for finding in judgement.findings.values()]


def _make_check(finding: Finding) -> Check:
    violated = {violation.id for violation in finding.violations}
    detail = Message("detail.violations", n=len(violated)) if violated else None
    return Check.of(Message(f"property.{finding.name}"), finding.holds, detail)


def name_ids(judgement: Judgement) -> dict[str, list[str]]:
    """Return kind of violation → the first of them: ids, or sentences that say what differs."""
    named: dict[str, dict[str, None]] = {}
    for violation in judgement.violations:
        named.setdefault(violation.kind, {})[violation.detail or violation.id] = None
    return {kind: list(texts)[:MAX_NAMED_IDS] for kind, texts in named.items()}


def count(judgement: Judgement) -> Counts:
    """Return the counts of the run."""
    history = judgement.history
    dead = {
        letter.event_id
        for letter in history.dead_letters
        if letter.event_id is not None and letter.correlation_id == history.run_id
    }
    return Counts(
        committed=len(history.committed),
        published=len(history.published_ids),
        deliveries=len(history.deliveries),
        notifications=len(history.notifications_of),
        audited=len(history.lines_of),
        lost=len(judgement.ids_of(*LOST)),
        duplicated_effects=len(judgement.ids_of(DUPLICATED)),
        out_of_order=len(judgement.ids_of(OUT_OF_ORDER)),
        never_committed=len(judgement.ids_of(NEVER_COMMITTED)),
        duplicates_absorbed=sum(1 for delivery in history.deliveries if delivery.outcome == "duplicate"),
        dead_lettered=len(dead - history.notifications_of.keys()),
        contents_differ=len(judgement.ids_of(CONTENTS_DIFFER)),
    )


def verdict(
    confirmations: Sequence[Check], checks: Sequence[Check], judge_errors: Sequence[Message] = ()
) -> tuple[Verdict, Message]:
    """Return the verdict and its reason.

    A broken invariant fails the run in any case. Without one, an error of the judge or an unconfirmed fault makes the run
    inconclusive, because it proves nothing.
    """
    broken = [check for check in checks if not check.ok]
    if broken:
        return "FAIL", Message("verdict.broken", checks=tuple(map(_describe_broken, broken)))
    if judge_errors:
        return "INCONCLUSIVE", Message("verdict.judge_failed", why=tuple(judge_errors))
    unconfirmed = tuple(check.get_message() for check in confirmations if not check.ok)
    if unconfirmed:
        return "INCONCLUSIVE", Message("verdict.unconfirmed", what=unconfirmed)
    if not confirmations:
        return "INCONCLUSIVE", Message("verdict.unconfirmed", what=Message("verdict.hypothesis_tested"))
    return "PASS", Message("verdict.held", n=len(checks))


def _describe_broken(check: Check) -> Message:
    detail = check.get_detail_message() or Message("verdict.does_not_hold")
    return Message("verdict.broken_check", name=check.get_message(), detail=detail)


def measure_recovery(trial: Trial) -> list[FaultWindow]:
    """Return the run's fault windows with the recovery time of each."""
    ends_us = [int(window.ended_at * 1e6) for window in trial.windows]
    with trial.application.reading() as connection:
        notified_us = notification_queries.notified_around(connection, trial.run_id, ends_us)
    measured_windows = []
    for window, end_us in zip(trial.windows, ends_us, strict=True):
        last_notified_us = notified_us[end_us]
        recovery_s = max(0.0, last_notified_us / 1e6 - window.ended_at) if last_notified_us else None
        measured_windows.append(replace(window, recovery_s=None if recovery_s is None else round(recovery_s, 3)))
    return measured_windows


def latency_points(trial: Trial) -> tuple[tuple[float, float], ...]:
    """Return (occurred at in seconds since the epoch, milliseconds until notified) for each event of the run."""
    with trial.application.reading() as connection:
        latencies = notification_queries.read_occurred_and_notified(connection, trial.run_id)
    return tuple((occurred / 1e6, round((notified - occurred) / 1000, 3)) for occurred, notified in latencies)
