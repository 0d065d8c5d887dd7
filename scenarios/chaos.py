"""Chaos: a random schedule of faults over a steady load, the same for the same seed, judged by the same invariants."""

from __future__ import annotations

import time
from collections.abc import Callable

from scenarios.model import EVERYWHERE, Scenario
from scenarios.routes import InProcess, OverHttp, ThroughTopic
from scenarios.trial import Trial
from stacks import lost_offsets
from stacks.controls import control

CALM_S = (1.0, 4.0)
DOWN_S = (0.0, 4.0)
WAYS = {InProcess.name, OverHttp.name, ThroughTopic.name}


def chaos(minutes: float) -> Scenario:
    """Raises ValueError for a time out of range."""
    if not 0 < minutes <= 24 * 60:
        raise ValueError("chaos lasts up to a day; say how many minutes")
    return Scenario(
        name="chaos",
        quality="Everything at once",
        hypothesis="Whatever is killed, restarted or forgotten in whatever order: nothing lost, doubled or reordered.",
        breaks=f"For {minutes:g} min, faults drawn from the seed hit every part under load.",
        experiment=lambda trial: _experiment(trial, minutes * 60),
        stacks=EVERYWHERE,
        takes_s=int(minutes * 60) + 15,
        in_all=False,
    )


def _experiment(trial: Trial, seconds: float) -> None:
    injections = _injections(trial)
    end = time.monotonic() + seconds
    injected: dict[str, int] = {}
    with trial.load(every_way=True) as load:
        while time.monotonic() < end:
            # Everything is drawn from the seed before anything that depends on the machine's pace.
            name = trial.rng.choice(sorted(injections))
            calm_s, down_s = trial.rng.uniform(*CALM_S), round(trial.rng.uniform(*DOWN_S), 1)
            trial.pause(calm_s)
            injections[name](down_s)
            injected[name] = injected.get(name, 0) + 1
            trial.whole(90)
        load.grows(20)
        trial.confirm("commands were acknowledged by every way", lambda: load.acknowledged_by.keys() >= WAYS)
    trial.kept(trial.everything_again_within_s())
    trial.arrived(trial.acknowledged, trial.everything_again_within_s())
    trial.figures |= {
        "faults": injected,
        "commands_refused": load.unacknowledged,
        "acknowledged_by": dict(load.acknowledged_by),
    }


def _injections(trial: Trial) -> dict[str, Callable[[float], None]]:
    """Name → what does it and confirms it; the argument is for how long a killed part stays down, in seconds."""

    def kill(part: str) -> Callable[[float], None]:
        def act(down_s: float) -> None:
            with trial.killed(part, down_s):
                pass

        return act

    def crash(_: float) -> None:
        trial.crash(trial.worker, "notifications.committed")
        parts = control(trial.settings)
        trial.wait(lambda: parts.pid(trial.worker) != 0, 20, "the worker is back")

    def restart(_: float) -> None:
        replaced = trial.another_instance(trial.capture_part)
        with trial.restarted(trial.capture_part):
            trial.confirm("another instance of the capture reads", replaced, 30)

    def forget(_: float) -> None:
        first = trial.first_committed()
        trial.wait(lambda: trial.times_published(first) > 0, 30, "the first event of the outbox is published")
        times = trial.times_published(first)
        with trial.injected(trial.capture_part, "lost offsets", lambda: lost_offsets.lose(trial.settings)):
            trial.say("fault", "the capture's offsets are lost")
            trial.confirm(
                "the outbox was read again from its start",
                lambda: trial.times_published(first) > times,
                trial.everything_again_within_s(),
            )

    parts = ["broker", trial.worker, "observer", "audit", "commands", "api"]
    parts.append("relay" if trial.settings.stack == "embedded" else "database")
    there = {state.name for state in control(trial.settings).states()}
    found = {f"kill {part}": kill(part) for part in parts if part in there}
    return found | {
        "crash between commit and acknowledgement": crash,
        "restart the capture": restart,
        "lose the offsets": forget,
    }
