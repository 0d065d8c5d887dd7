"""`python -m scenarios.process RUN_ID NAME SEED [MINUTES]`: the process a scenario runs in.

It is its own, so that it survives whoever asked for it; on SIGTERM it restores the system and ends without a verdict. Should
it be killed itself, the leases of its faults run out.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace

from db.engine import connect
from scenarios import invariants, journal
from scenarios.breaking import Stopped
from scenarios.catalogue import find
from scenarios.model import Check, Moment, Result, Scenario
from scenarios.reconciliation import Reconciliation
from scenarios.sampler import Sampler
from scenarios.trial import Trial
from scenarios.waiting import JudgeFailed, TookTooLong
from settings import Settings, load
from stacks import instance

MOMENTS_AT_MOST = 2000
"""Entries of the timeline that a result keeps: half from its beginning, half from its end."""


def main(run_id: str, name: str, seed: int, minutes: float) -> int:
    """0 when there is a verdict, 1 when there is none."""
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING)
    settings = load()
    engine = connect(settings.database_url, pool_size=1)
    log = journal.Journal(settings, engine, run_id)
    scenario = find(name, minutes)
    try:
        with journal.alone(settings, patience_s=1.0):
            log.begin(name, settings.stack, seed)
            result = _run(settings, scenario, run_id, seed, log)
            log.end("stopped" if result is None else "finished", result)
            return 0 if result is not None else 1
    except Exception as error:
        logging.getLogger(__name__).exception("the run ended")
        log.say("stopped", f"the scenario could not be run: {error}")
        log.end("stopped", None)
        return 1
    finally:
        log.close()
        engine.dispose()


def _run(settings: Settings, scenario: Scenario, run_id: str, seed: int, log: journal.Journal) -> Result | None:
    trial = Trial(settings, run_id, seed, log)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: trial.stop.set())
    began = time.time()
    trial.say("started", scenario.hypothesis, name=scenario.name, seed=seed, stack=settings.stack)
    try:
        with Sampler(trial):
            _experiment(trial, scenario)
            trial.say("counting", "waiting until everything arrived, then counting")
            found = invariants.settle(trial, trial.everything_again_within_s())
        result = _judged(trial, scenario, found, began, log)
        log.say("verdict", f"{result.verdict}: {result.reason}", {"verdict": result.verdict})
        return _with_timeline(result, log)
    except Stopped:
        trial.say("stopped", "stopped before its verdict; everything it broke is restored")
        return None
    finally:
        trial.close()


def _experiment(trial: Trial, scenario: Scenario) -> None:
    try:
        scenario.experiment(trial)
    except Stopped:
        raise
    except TookTooLong as error:
        if trial.errors:  # then it may be the judge's doing
            trial.say("note", str(error))
        else:
            trial.check("the system does in time what it must", False, str(error))
    except JudgeFailed as error:
        trial.failed(str(error))
    except Exception as error:
        # It may be what the system did to the experiment; but only an invariant that does not hold shows that.
        trial.say("note", traceback.format_exc(limit=-3))
        trial.failed(f"{type(error).__name__}: {error}")


def _judged(trial: Trial, scenario: Scenario, found: Reconciliation, began: float, log: journal.Journal) -> Result:
    counts, ids, checks = invariants.count(trial, found, poisonous=scenario.poisonous)
    checks = [*checks, *trial.checks]
    confirmations = list(trial.confirmations)
    if confirmations:
        measured = Check("something was measured", counts.committed > 0, f"{counts.committed} events")
        confirmations.append(measured)
    verdict, reason = invariants.verdict(confirmations, checks, trial.errors)
    windows = invariants.recovery(trial)
    recoveries = [window.recovery_s for window in windows if window.recovery_s is not None]
    noticed = [window.noticed_s for window in windows if window.noticed_s is not None]
    return Result(
        run_id=trial.run_id,
        name=scenario.name,
        stack=trial.settings.stack,
        seed=trial.seed,
        hypothesis=scenario.hypothesis,
        verdict=verdict,
        reason=reason,
        fault_confirmed=bool(confirmations) and all(check.ok for check in confirmations),
        counts=counts,
        recovery_s=max(recoveries, default=None),
        noticed_s=max(noticed, default=None),
        duration_s=round(time.time() - began, 2),
        started_at=began,
        confirmations=tuple(confirmations),
        checks=tuple(checks),
        windows=tuple(windows),
        figures=trial.figures,
        ids=ids,
        timeline=shortened(log.moments),
        samples=tuple(trial.samples),
        points=invariants.points(trial),
        versions=instance.versions(trial.settings),
    )


def _with_timeline(result: Result, log: journal.Journal) -> Result:
    return replace(result, timeline=shortened(log.moments))


def shortened(timeline: Sequence[Moment]) -> tuple[Moment, ...]:
    """Its beginning and its end, where it is long: a result must fit into a row of the database."""
    left_out = len(timeline) - MOMENTS_AT_MOST
    if left_out <= 0:
        return tuple(timeline)
    half = MOMENTS_AT_MOST // 2
    note = Moment(
        timeline[half].at, "note", f"{left_out} entries are left out here; timeline.jsonl of this run has them"
    )
    return (*timeline[:half], note, *timeline[-half:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
