"""Check the invariants of a run and give the verdict.

For the run's correlation id: committed (outbox rows) = published (what the observer saw) = notified = audited, with the same
events and the same contents in both directions. Each effect happens once, the events of each commission keep their order,
commissions and events agree, nothing that was rolled back appears, and there is no unexpected dead letter.
`scenarios.reconciliation` says how far these sources are independent of each other.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from db import agreement, dead_letter_queries, notification_queries, queries
from db.errors import DatabaseUnavailable
from domain.message import Message, said_by
from scenarios.model import Check, Counts, FaultWindow, Verdict
from scenarios.reconciliation import Reconciliation, reconcile
from scenarios.trial import Standstill, Trial
from scenarios.waiting import TookTooLong

QUIET_S = 1.0
"""Pause before the final count, in which a duplicate might still arrive."""
MAX_NAMED_IDS = 20


def wait_until_settled(trial: Trial, deadline_s: float) -> Reconciliation:
    """Wait until the sources agree or the deadline passes, and return their comparison."""
    standstill = Standstill(trial)

    def sources_agree() -> bool:
        try:
            if standstill.reached():
                raise TookTooLong(Message("waiting.sources_stopped"))
            with trial.application.reading() as connection:
                committed = queries.count_outbox_ids(connection, trial.run_id)
                accounted = notification_queries.count_notifications(connection, trial.run_id)
                accounted += len(dead_letter_queries.dead_letter_ids(connection, trial.run_id))
            # Counting is cheap: compare all ids only when there may be nothing left to wait for.
            if accounted < committed:
                return False
            reconciliation = reconcile(trial.application, trial.settings, trial.run_id)
            if reconciliation.differs_permanently:
                raise TookTooLong(Message("waiting.sources_differ"))
            return reconciliation.complete
        except DatabaseUnavailable:
            return False

    try:
        trial.wait(sources_agree, deadline_s, Message("awaited.agreement"), 0.2)
        time.sleep(QUIET_S)
    except TookTooLong as error:
        trial.say("note", said_by(error))
    return reconcile(trial.application, trial.settings, trial.run_id)


def check_invariants(
    trial: Trial, reconciliation: Reconciliation, *, poisonous: bool = False
) -> tuple[Counts, dict[str, list[str]], list[Check]]:
    """Return the counts, the ids behind each wrong count, and the invariants one by one."""
    find_broken_promises = tuple(f"{promise.command} {promise.id}" for promise in trial.broken_promises())
    not_committed = (*sorted(trial.acknowledged - trial.committed()), *find_broken_promises)
    disagreeing = _find_disagreements(trial)
    unexpected_letters = () if poisonous else tuple(f"{row.reason}: {row.detail}"[:200] for row in trial.dead_letters())
    named_ids = {
        "acknowledged and not committed": not_committed,
        "not published": reconciliation.not_published,
        "not notified": reconciliation.not_notified,
        "not audited": reconciliation.not_audited,
        "dead-lettered and never notified": reconciliation.dead,
        "effect duplicated": reconciliation.doubled,
        "out of order": reconciliation.out_of_order,
        "never committed": reconciliation.never_committed,
        "audited and never notified": reconciliation.never_notified,
        "contents differ": tuple(map(str, reconciliation.differences)) or reconciliation.contents_differ,
        "commission and events disagree": disagreeing,
        "dead letters": unexpected_letters,
    }
    lost = {
        *not_committed,
        *reconciliation.not_published,
        *reconciliation.not_notified,
        *reconciliation.not_audited,
        *reconciliation.dead,
    }
    counts = _make_counts(reconciliation, len(lost))
    checks = _make_checks(reconciliation, lost, disagreeing, unexpected_letters)
    return counts, {name: list(ids[:MAX_NAMED_IDS]) for name, ids in named_ids.items() if ids}, checks


def _make_checks(
    found: Reconciliation, lost: Collection[str], disagreeing: Sequence[str], unexpected_letters: Sequence[str]
) -> list[Check]:
    uncommitted = {*found.never_committed, *found.never_notified}
    doubled, out_of_order, differing = found.doubled, found.out_of_order, found.contents_differ
    return [
        Check.of(Message("invariant.nothing_lost"), not lost, Message("detail.lost", n=len(lost))),
        Check.of(Message("invariant.effect_once"), not doubled, Message("detail.duplicated", n=len(doubled))),
        Check.of(Message("invariant.in_order"), not out_of_order, Message("detail.out_of_order", n=len(out_of_order))),
        Check.of(
            Message("invariant.nothing_uncommitted"), not uncommitted, Message("detail.number", n=len(uncommitted))
        ),
        Check.of(Message("invariant.contents_equal"), not differing, Message("detail.differ", n=len(differing))),
        Check.of(
            Message("invariant.state_and_outbox"), not disagreeing, Message("detail.disagreements", n=len(disagreeing))
        ),
        Check.of(
            Message("invariant.no_dead_letter"),
            not unexpected_letters,
            Message("detail.dead_letters", n=len(unexpected_letters)),
        ),
    ]


def _make_counts(reconciliation: Reconciliation, lost: int) -> Counts:
    return Counts(
        committed=reconciliation.committed,
        published=reconciliation.published,
        deliveries=reconciliation.deliveries,
        notifications=reconciliation.notified,
        audited=reconciliation.audited,
        lost=lost,
        duplicated_effects=len(reconciliation.doubled),
        out_of_order=len(reconciliation.out_of_order),
        never_committed=len(reconciliation.never_committed),
        duplicates_absorbed=reconciliation.duplicates_absorbed,
        dead_lettered=reconciliation.dead_lettered,
        contents_differ=len(reconciliation.contents_differ),
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
    unconfirmed = tuple(check.said() for check in confirmations if not check.ok)
    if unconfirmed:
        return "INCONCLUSIVE", Message("verdict.unconfirmed", what=unconfirmed)
    if not confirmations:
        return "INCONCLUSIVE", Message("verdict.unconfirmed", what=Message("verdict.hypothesis_tested"))
    return "PASS", Message("verdict.held", n=len(checks))


def _describe_broken(check: Check) -> Message:
    detail = check.said_detail() or Message("verdict.does_not_hold")
    return Message("verdict.broken_check", name=check.said(), detail=detail)


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


def _find_disagreements(trial: Trial) -> tuple[str, ...]:
    with trial.application.reading() as connection:
        return tuple(map(str, agreement.find_disagreements(connection, trial.run_id, trial.conversions)))


def latency_points(trial: Trial) -> tuple[tuple[float, float], ...]:
    """Return (occurred at in seconds since the epoch, milliseconds until notified) for each event of the run."""
    with trial.application.reading() as connection:
        latencies = notification_queries.latencies(connection, trial.run_id)
    return tuple((occurred / 1e6, round((notified - occurred) / 1000, 3)) for occurred, notified in latencies)
