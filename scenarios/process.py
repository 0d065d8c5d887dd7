"""Run a scenario in a process of its own: `python -m scenarios.process RUN_ID NAME SEED MINUTES FAULTS`.

The process outlives the client that started the run. On SIGTERM it ends its faults and exits without a verdict. If it is
killed, its faults end when their leases expire.
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
from domain.message import Message, extract_message, verbatim
from scenarios import invariants, journal
from scenarios.catalogue import find
from scenarios.fault_injection import Stopped
from scenarios.invariants import Judgement
from scenarios.model import Check, Moment, Result, Scenario
from scenarios.properties import first_counter_example
from scenarios.sampler import Sampler
from scenarios.trial import Trial
from scenarios.waiting import JudgeFailed, TookTooLong
from settings import Settings, load
from stacks import instance

MAX_MOMENTS = 2000
"""Largest number of timeline entries in a result: the first half and the last half of a longer timeline are kept."""


def main(run_id: str, name: str, seed: int, minutes: float, faults: str) -> int:
    """Run the scenario. Return 0 when there is a verdict, else 1."""
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING)
    settings = load()
    engine = connect(settings.database_url, pool_size=1)
    log = journal.Journal(settings, engine, run_id)
    scenario = find(name, minutes, faults)
    try:
        with journal.scenario_lock(settings, patience_s=1.0):
            log.begin(name, settings.stack, seed)
            result = run_scenario(settings, scenario, run_id, seed, log)
            log.end("stopped" if result is None else "finished", result)
            return 0 if result is not None else 1
    except Exception as error:
        logging.getLogger(__name__).exception("the run ended")
        log.say("stopped", Message("run.not_run", why=extract_message(error)))
        log.end("stopped", None)
        return 1
    finally:
        log.close()
        engine.dispose()


def run_scenario(settings: Settings, scenario: Scenario, run_id: str, seed: int, log: journal.Journal) -> Result | None:
    """Run a scenario in this process, whose main thread this is, and return its result; None when it was stopped."""
    trial = Trial(settings, run_id, seed, log)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: trial.stop.set())
    started_at = time.time()
    trial.say(
        "started",
        Message("run.started", hypothesis=scenario.hypothesis),
        name=scenario.name,
        seed=seed,
        takes_s=scenario.takes_s,
        stack=settings.stack,
    )
    try:
        with Sampler(trial):
            _experiment(trial, scenario)
            trial.say("counting", Message("run.counting"))
            deadline_s = trial.full_replay_deadline_s()
            judgement = invariants.wait_until_settled(trial, deadline_s, poisonous=scenario.poisonous)
        result = _make_result(trial, scenario, judgement, started_at, log)
        line = Message("verdict.line", verdict=result.verdict, reason=result.get_message())
        log.say("verdict", line, {"verdict": result.verdict})
        return _with_final_timeline(result, log)
    except Stopped:
        trial.say("stopped", Message("run.stopped"))
        return None
    finally:
        trial.close()


def _experiment(trial: Trial, scenario: Scenario) -> None:
    try:
        scenario.experiment(trial)
    except Stopped:
        raise
    except TookTooLong as error:
        if trial.errors:  # the delay may be the judge's fault
            trial.say("note", extract_message(error))
        else:
            trial.check(Message("invariant.deadlines"), False, extract_message(error))
    except JudgeFailed as error:
        trial.report_judge_error(extract_message(error))
    except Exception as error:
        # The system may have caused this error, but only a broken invariant could show that.
        trial.say("note", verbatim(traceback.format_exc(limit=-3)))
        trial.report_judge_error(verbatim(f"{type(error).__name__}: {error}"))


def _make_result(
    trial: Trial, scenario: Scenario, judgement: Judgement, started_at: float, log: journal.Journal
) -> Result:
    counts = invariants.count(judgement)
    if trial.samples:
        torn = Message("detail.rows_torn", n=trial.torn_rows, m=len(trial.samples))
        trial.check(Message("check.never_torn"), not trial.torn_rows, torn)
    checks = [*invariants.make_checks(judgement), *trial.checks]
    confirmations = list(trial.confirmations)
    if confirmations:
        measured = Message("detail.events", n=counts.committed)
        confirmations.append(Check.of(Message("invariant.measured"), counts.committed > 0, measured))
    verdict, reason = invariants.verdict(confirmations, checks, trial.errors)
    windows = invariants.measure_recovery(trial)
    recoveries = [window.recovery_s for window in windows if window.recovery_s is not None]
    notice_times = [window.noticed_s for window in windows if window.noticed_s is not None]
    return Result(
        run_id=trial.run_id,
        name=scenario.name,
        stack=trial.settings.stack,
        seed=trial.seed,
        hypothesis=scenario.hypothesis,
        verdict=verdict,
        reason=str(reason),
        fault_confirmed=bool(confirmations) and all(check.ok for check in confirmations),
        counts=counts,
        recovery_s=max(recoveries, default=None),
        noticed_s=max(notice_times, default=None),
        duration_s=round(time.time() - started_at, 2),
        started_at=started_at,
        confirmations=tuple(confirmations),
        checks=tuple(checks),
        windows=tuple(windows),
        figures=trial.figures,
        wrong_event_ids=invariants.name_ids(judgement),
        timeline=shorten_timeline(log.moments),
        samples=tuple(trial.samples),
        points=invariants.latency_points(trial),
        versions=instance.versions(trial.settings),
        reason_message=reason,
        properties={name: finding.holds for name, finding in judgement.findings.items()},
        counter_example=first_counter_example(judgement.findings),
    )


def _with_final_timeline(result: Result, log: journal.Journal) -> Result:
    return replace(result, timeline=shorten_timeline(log.moments))


def shorten_timeline(timeline: Sequence[Moment]) -> tuple[Moment, ...]:
    """Return the beginning and the end of a long timeline, because a result must fit into a row of the database."""
    omitted = len(timeline) - MAX_MOMENTS
    if omitted <= 0:
        return tuple(timeline)
    half = MAX_MOMENTS // 2
    note = Moment.of(timeline[half].at, "note", Message("run.omitted", n=omitted))
    return (*timeline[:half], note, *timeline[-half:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5]))
