"""The worker dies when its effects are committed and nothing is acknowledged: the deliveries come again."""

from __future__ import annotations

from scenarios.model import Scenario
from scenarios.trial import Trial

TIMES = 2


def experiment(trial: Trial) -> None:
    with trial.load() as load:
        for _ in range(TIMES):
            back = trial.another_instance(trial.worker)
            trial.crash(trial.worker, "notifications.committed")
            trial.wait(back, 20, "the worker is back")
            load.grows(40)
            trial.arrived(load.event_ids)
    trial.confirm("the broker delivered some of it again", lambda: trial.deliveries().duplicate > 0, 30)
    absorbed = trial.deliveries().duplicate
    trial.figures["absorbed"] = absorbed


SCENARIO = Scenario(
    name="kill-worker",
    quality="Idempotent consumer",
    hypothesis="A worker killed between commit and acknowledgement gets its messages again, and the inbox absorbs them.",
    breaks="The notifications worker dies by SIGKILL exactly between its commit and its acknowledgements.",
    experiment=experiment,
    takes_s=12,
)
