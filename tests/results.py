"""Results of runs for tests, judged from a history as a run is."""

from __future__ import annotations

from domain.message import Message
from scenarios import invariants
from scenarios.history import History
from scenarios.invariants import Judgement
from scenarios.model import Check, Result
from scenarios.properties import first_counter_example


def result_of(history: History) -> Result:
    """Return the result of a run of kill-broker that left this history."""
    judgement = Judgement.of(history)
    checks = invariants.make_checks(judgement)
    confirmed = Check.of(Message("confirm.broker_refuses"), True)
    verdict, reason = invariants.verdict([confirmed], checks)
    return Result(
        run_id=history.run_id,
        name="kill-broker",
        stack="embedded",
        seed=1,
        hypothesis="Nothing is lost.",
        verdict=verdict,
        reason=str(reason),
        fault_confirmed=True,
        counts=invariants.count(judgement),
        recovery_s=None,
        noticed_s=None,
        duration_s=1.0,
        started_at=1_800_000_000.0,
        confirmations=(confirmed,),
        checks=tuple(checks),
        windows=(),
        figures={},
        wrong_event_ids=invariants.name_ids(judgement),
        timeline=(),
        samples=(),
        points=(),
        versions={},
        reason_message=reason,
        properties={name: finding.holds for name, finding in judgement.findings.items()},
        counter_example=first_counter_example(judgement.findings),
    )
