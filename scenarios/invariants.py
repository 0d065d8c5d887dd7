"""The invariants every run is judged by, and the verdict.

Over the run's own correlation id: committed (outbox rows) = published (what the observer saw) = notified = audited, the same
events with the same contents in both directions; each effect once; each commission's events in order; commissions and their
events agree; nothing that was rolled back appears; no dead letter where none is due. How far these sources are independent
of each other: see `scenarios.reconciliation`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from db import agreement, dead_letter_queries, notification_queries, queries
from db.errors import DatabaseUnavailable
from scenarios.model import Check, Counts, FaultWindow, Verdict
from scenarios.reconciliation import Reconciliation, reconcile
from scenarios.trial import Standstill, Trial
from scenarios.waiting import TookTooLong

QUIET_S = 1.0
"""After everything arrived it is counted once more: something might come twice."""
NAMED_AT_MOST = 20


def settle(trial: Trial, deadline_s: float) -> Reconciliation:
    """Wait until the sources agree, or until the deadline; what they say then."""

    standstill = Standstill(trial)

    def agree() -> bool:
        try:
            if standstill.reached():
                raise TookTooLong("the sources differ, and nothing moves any more")
            with trial.application.reading() as connection:
                committed = queries.count_outbox_ids(connection, trial.run_id)
                settled = notification_queries.count_notifications(connection, trial.run_id)
                settled += len(dead_letter_queries.dead_letter_ids(connection, trial.run_id))
            # Counts first: all ids are compared only when there may be nothing left to wait for.
            if settled < committed:
                return False
            found = reconcile(trial.application, trial.settings, trial.run_id)
            if found.differs_for_good:
                raise TookTooLong("the sources differ for good")
            return found.complete
        except DatabaseUnavailable:
            return False

    try:
        trial.wait(agree, deadline_s, "committed = published = notified = audited", 0.2)
        time.sleep(QUIET_S)
    except TookTooLong as error:
        trial.say("note", str(error))
    return reconcile(trial.application, trial.settings, trial.run_id)


def count(
    trial: Trial, found: Reconciliation, *, poisonous: bool = False
) -> tuple[Counts, dict[str, list[str]], list[Check]]:
    """The counts, the ids where one is not as it should be, and the invariants one by one."""
    unkept = tuple(f"{each.command} {each.id}" for each in trial.unkept())
    vanished = (*sorted(trial.acknowledged - trial.committed()), *unkept)
    disagreeing = _disagreements(trial)
    letters = () if poisonous else tuple(f"{row.reason}: {row.detail}"[:200] for row in trial.dead_letters())
    missing = {
        "acknowledged and not committed": vanished,
        "not published": found.not_published,
        "not notified": found.not_notified,
        "not audited": found.not_audited,
        "dead-lettered and never notified": found.dead,
        "effect doubled": found.doubled,
        "out of order": found.out_of_order,
        "never committed": found.never_committed,
        "audited and never notified": found.never_notified,
        "contents differ": tuple(map(str, found.differences)) or found.contents_differ,
        "commission and events disagree": disagreeing,
        "dead letters": letters,
    }
    lost = {*vanished, *found.not_published, *found.not_notified, *found.not_audited, *found.dead}
    counts = Counts(
        committed=found.committed,
        published=found.published,
        deliveries=found.deliveries,
        notifications=found.notified,
        audited=found.audited,
        lost=len(lost),
        duplicated_effects=len(found.doubled),
        out_of_order=len(found.out_of_order),
        never_committed=len(found.never_committed),
        duplicates_absorbed=found.duplicates_absorbed,
        dead_lettered=found.dead_lettered,
        contents_differ=len(found.contents_differ),
    )
    phantoms = {*found.never_committed, *found.never_notified}
    checks = [
        Check("nothing lost", not lost, f"{len(lost)} lost"),
        Check("each effect exactly once", not found.doubled, f"{len(found.doubled)} doubled"),
        Check("each commission's events in order", not found.out_of_order, f"{len(found.out_of_order)} out of order"),
        Check("nothing appears that was not committed", not phantoms, f"{len(phantoms)}"),
        Check("contents are equal in every source", not found.contents_differ, f"{len(found.contents_differ)} differ"),
        Check("state and outbox agree", not disagreeing, f"{len(disagreeing)} disagreements"),
        Check("no unexpected dead letter", not letters, f"{len(letters)} dead letters"),
    ]
    return counts, {name: list(ids[:NAMED_AT_MOST]) for name, ids in missing.items() if ids}, checks


def verdict(
    confirmations: Sequence[Check], checks: Sequence[Check], judge_errors: Sequence[str] = ()
) -> tuple[Verdict, str]:
    """A broken invariant fails the run whatever else happened; a fault that was not confirmed proves nothing, and neither
    does a judge that failed."""
    broken = [check for check in checks if not check.ok]
    if broken:
        return "FAIL", "; ".join(f"{check.name}: {check.detail or 'does not hold'}" for check in broken)
    if judge_errors:
        return "INCONCLUSIVE", f"the judge failed: {'; '.join(judge_errors)}"
    unconfirmed = [check.name for check in confirmations if not check.ok]
    if unconfirmed or not confirmations:
        return "INCONCLUSIVE", f"not confirmed: {'; '.join(unconfirmed) or 'that anything was put to the test'}"
    return "PASS", f"all {len(checks)} invariants held, and the fault was real"


def recovery(trial: Trial) -> list[FaultWindow]:
    """The run's fault windows with how long each took to recover from."""
    ends_us = [int(window.ended_at * 1e6) for window in trial.windows]
    with trial.application.reading() as connection:
        notified_us = notification_queries.notified_around(connection, trial.run_id, ends_us)
    measured = []
    for window, end_us in zip(trial.windows, ends_us, strict=True):
        last = notified_us[end_us]
        recovered = max(0.0, last / 1e6 - window.ended_at) if last else None
        measured.append(replace(window, recovery_s=None if recovered is None else round(recovered, 3)))
    return measured


def _disagreements(trial: Trial) -> tuple[str, ...]:
    with trial.application.reading() as connection:
        return tuple(map(str, agreement.disagreements(connection, trial.run_id, trial.conversions)))


def points(trial: Trial) -> tuple[tuple[float, float], ...]:
    """(occurred at in seconds since the epoch, milliseconds until notified) of the run's events."""
    with trial.application.reading() as connection:
        found = notification_queries.latencies(connection, trial.run_id)
    return tuple((occurred / 1e6, round((notified - occurred) / 1000, 3)) for occurred, notified in found)
