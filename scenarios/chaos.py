"""Scheduled chaos: random faults under a steady load, reproducible from a seed, judged by the invariants of every run."""

from __future__ import annotations

import time
from collections.abc import Callable

from application.components import select_names
from domain.message import Message
from scenarios.model import EVERYWHERE, Scenario
from scenarios.routes import InProcess, OverHttp, ThroughTopic
from scenarios.trial import Trial
from stacks import lost_offsets
from stacks.controls import control

CALM_S = (1.0, 4.0)
DOWN_S = (0.0, 4.0)
ROUTES = {InProcess.name, OverHttp.name, ThroughTopic.name}


def chaos(minutes: float) -> Scenario:
    """Return the scenario. Raises ValueError unless it lasts more than 0 minutes and at most a day."""
    if not 0 < minutes <= 24 * 60:
        raise ValueError(f"chaos lasts up to 1440 minutes, not {minutes:g}")
    return Scenario(
        name="chaos",
        quality="Everything at once",
        hypothesis="Under random faults in a random order, no event is lost, duplicated or reordered.",
        breaks=f"For {minutes:g} min, random faults, chosen by the seed, hit every component under load.",
        experiment=lambda trial: _experiment(trial, minutes * 60),
        stacks=EVERYWHERE,
        takes_s=int(minutes * 60) + 15,
        in_all=False,
    )


def _experiment(trial: Trial, seconds: float) -> None:
    injections = _injections(trial)
    ends_at = time.monotonic() + seconds
    injected: dict[str, int] = {}
    with trial.load(all_routes=True) as load:
        while time.monotonic() < ends_at:
            # All random choices come before anything that depends on the machine's speed, so that the seed decides them.
            name = trial.rng.choice(sorted(injections))
            calm_s, down_s = trial.rng.uniform(*CALM_S), round(trial.rng.uniform(*DOWN_S), 1)
            trial.pause(calm_s)
            injections[name](down_s)
            injected[name] = injected.get(name, 0) + 1
            trial.wait_until_healthy(90)
        load.wait_for_more(20)
        trial.confirm(Message("confirm.every_route"), lambda: load.acknowledged_by.keys() >= ROUTES)
    trial.wait_until_promises_are_kept(trial.full_replay_deadline_s())
    trial.wait_until_notified(trial.acknowledged, trial.full_replay_deadline_s())
    trial.figures |= {
        "faults": injected,
        "commands_refused": load.unacknowledged,
        "acknowledged_by": dict(load.acknowledged_by),
    }


def _injections(trial: Trial) -> dict[str, Callable[[float], None]]:
    """Return name → function that injects a fault and confirms it. Its argument: seconds that a killed component stays down."""

    def kill(part: str) -> Callable[[float], None]:
        def act(down_s: float) -> None:
            with trial.killed(part, down_s):
                pass

        return act

    def crash(_: float) -> None:
        trial.crash(trial.worker, "notifications.committed")
        components = control(trial.settings)
        trial.wait(lambda: components.pid(trial.worker) != 0, 20, Message("awaited.worker"))

    def restart(_: float) -> None:
        replaced = trial.replacement_check(trial.capture_part)
        with trial.restarted(trial.capture_part):
            trial.confirm(Message("confirm.capture_new"), replaced, 30)

    def forget(_: float) -> None:
        first_event = trial.first_committed()
        trial.wait(lambda: trial.times_published(first_event) > 0, 30, Message("awaited.first_published"))
        times_before = trial.times_published(first_event)
        with trial.injected(trial.capture_part, Message("fault.offsets"), lambda: lost_offsets.lose(trial.settings)):
            trial.say("fault", Message("injected.offsets"))
            trial.confirm(
                Message("confirm.outbox_read_again"),
                lambda: trial.times_published(first_event) > times_before,
                trial.full_replay_deadline_s(),
            )

    running = {state.name for state in control(trial.settings).states()}
    candidates = select_names(trial.settings, lambda component: component.is_killed_by_chaos)
    kills = {f"kill {part}": kill(part) for part in candidates if part in running}
    return kills | {
        "crash between commit and acknowledgement": crash,
        "restart the capture": restart,
        "lose the offsets": forget,
    }
