"""The audit file is damaged in every way and is equal to the notifications again."""

from __future__ import annotations

import os

from scenarios.model import Scenario
from scenarios.trial import Trial
from stacks.supervisor import Supervisor
from workers import audit_file

WITHIN_S = 10.0


def experiment(trial: Trial) -> None:
    path = trial.settings.audit_file
    with trial.load() as load:
        trial.arrived(load.event_ids)
        for what, damage in (
            ("is cut in the middle of a line", lambda: os.truncate(path, max(1, path.stat().st_size * 2 // 3))),
            ("is deleted", path.unlink),
        ):
            trial.wait(lambda: path.exists() and path.stat().st_size > 0, WITHIN_S, "there is an audit file")
            known = load.event_ids & trial.notified()
            with trial.injected("audit", "file damaged", damage):
                trial.say("fault", f"{path.name} {what}")
            trial.wait(lambda ids=known: _holds(trial, ids), WITHIN_S, f"the file that {what} is whole again")  # type: ignore[misc]
            trial.say("recovered", "it holds every notification again")
        trial.crash("audit", "audit.half_appended")
        supervisor = Supervisor(trial.settings)
        trial.wait(lambda: supervisor.pid("audit") != 0, 20, "the audit process is back")
        load.grows(30)
    trial.arrived(trial.acknowledged)
    trial.wait(lambda: _holds(trial, trial.acknowledged), WITHIN_S, "the audit file holds every event")


def _holds(trial: Trial, event_ids: set[str]) -> bool:
    return event_ids <= set(audit_file.event_ids(trial.settings.audit_file, trial.run_id))


SCENARIO = Scenario(
    name="audit",
    quality="Audit",
    hypothesis="However the audit file is damaged, it is rebuilt equal to the notifications.",
    breaks="The file is truncated, deleted, and its writer dies by SIGKILL half way through an append.",
    experiment=experiment,
    takes_s=12,
)
