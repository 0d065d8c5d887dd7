"""Chaos: a schedule of random faults under a steady load, drawn from a seed, judged by the properties of every run."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack

from domain.errors import ExpectedError
from domain.message import Message
from scenarios import chaos_schedule
from scenarios.chaos_faults import Fault, faults_of, partners
from scenarios.chaos_schedule import Schedule, Step
from scenarios.model import EVERYWHERE, Scenario
from scenarios.routes import InProcess, OverHttp, ThroughTopic
from scenarios.trial import PAIRS_PER_SECOND, Trial

ROUTES = {InProcess.name, OverHttp.name, ThroughTopic.name}
MAX_PAIRS = 100_000
"""Pairs of commands of the longest run. The judge keeps 2 to 3 kB of each event, so a run of many hours sends fewer a second."""
MAX_MINUTES = 24 * 60


class UnknownFault(ExpectedError, LookupError):
    """A schedule names a fault that this instance does not have."""


def chaos(minutes: float, faults: str = "") -> Scenario:
    """Return the scenario. With `faults`, a schedule as text, it injects these in place of a drawn schedule.

    Raises ValueError unless it lasts more than 0 minutes and at most a day, and for a text that is no schedule.
    """
    if not 0 < minutes <= MAX_MINUTES:
        raise ValueError(f"chaos lasts up to 1440 minutes, not {minutes:g}")
    schedule = chaos_schedule.read(faults) if faults else None
    return Scenario(
        name="chaos",
        quality="Everything at once",
        hypothesis="Under random faults in a random order, no event is lost, duplicated or reordered.",
        breaks=f"For {minutes:g} min, random faults, chosen by the seed, hit every component under load.",
        experiment=lambda trial: _experiment(trial, minutes * 60, schedule),
        stacks=EVERYWHERE,
        takes_s=int(minutes * 60) + 15,
        in_all=False,
    )


def pairs_per_second(seconds: float) -> float:
    """Return the load of a run of this length: the usual one, and for long runs so little that the history fits into memory."""
    return min(float(PAIRS_PER_SECOND), MAX_PAIRS / seconds)


def _experiment(trial: Trial, seconds: float, requested: Schedule | None) -> None:
    faults = faults_of(trial)
    schedule = requested or chaos_schedule.draw(trial.seed, seconds, partners(faults))
    _require_known(schedule, faults)
    injected: list[Step] = []
    try:
        with trial.load(pairs_per_second(seconds), all_routes=True) as load:
            ends_at = time.monotonic() + seconds
            for step in schedule:
                # A given schedule is injected as a whole, however long it takes.
                if requested is None and time.monotonic() > ends_at:
                    break
                trial.pause(step.calm_s)
                injected.append(step)
                _inject(trial, step, faults)
                trial.wait_until_healthy(90)
            load.wait_for_more(20)
            trial.confirm(Message("confirm.every_route"), lambda: load.acknowledged_by.keys() >= ROUTES)
        trial.wait_until_promises_are_kept(trial.full_replay_deadline_s())
        trial.wait_until_notified(trial.acknowledged, trial.full_replay_deadline_s())
        trial.figures |= {
            "commands_refused": load.unacknowledged,
            "acknowledged_by": dict(load.acknowledged_by),
        }
    finally:
        trial.figures |= {
            "faults": dict(Counter(planned.fault for step in injected for planned in step.faults)),
            "schedule": chaos_schedule.write(tuple(injected)),
        }


def _inject(trial: Trial, step: Step, faults: dict[str, Fault]) -> None:
    """Inject the faults of a step, the second while the first lasts, and end both."""
    with ExitStack() as lasting:
        for planned in step.faults:
            lasting.enter_context(faults[planned.fault].inject(trial, planned.down_s))


def _require_known(schedule: Schedule, faults: dict[str, Fault]) -> None:
    unknown = sorted({planned.fault for step in schedule for planned in step.faults} - faults.keys())
    if unknown:
        raise UnknownFault(f"no fault {', '.join(unknown)} here; there are {', '.join(sorted(faults))}")
