"""The message comes after the commit, and only after a commit."""

from __future__ import annotations

from application import Application
from db import notification_queries, queries
from domain.commands import ApproveCommission
from scenarios.listening import Listener
from scenarios.model import Scenario
from scenarios.statistics import percentiles
from scenarios.trial import Trial

COMMITTED = 60
ROLLED_BACK = 20


class _RolledBack(Exception):
    """Raised when state and outbox row are written and nothing is committed."""


def experiment(trial: Trial) -> None:
    def row_is_there(event_id: str) -> bool:
        with trial.application.reading() as connection:  # a connection of its own for every look
            return queries.outbox_exists(connection, event_id)

    with Listener(trial.settings, trial.run_id, row_is_there, trial.failed) as listener:
        undone = _send(trial)
        trial.arrived(trial.acknowledged)
        trial.wait(lambda: trial.acknowledged <= listener.received.keys(), 20, "the listener received every event")
    early = [event_id for event_id, visible in listener.received.items() if not visible]
    trial.check(
        "on receipt another connection sees the row", not early, f"{len(early)} of {len(listener.received)} not"
    )
    with trial.application.reading() as connection:
        left = [each for each in undone if queries.commission_by_conversion(connection, each) is not None]
    trial.check("a rolled-back command leaves nothing", not left, f"{len(left)} of {len(undone)} did")
    trial.figures["rolled_back"] = len(undone)
    with trial.application.reading() as connection:
        taken = [
            (notified - occurred) / 1000
            for occurred, notified in notification_queries.latencies(connection, trial.run_id)
        ]
    trial.figures["consistent_after_ms"] = percentiles(taken)


def _send(trial: Trial) -> list[str]:
    """Commands that commit, and among them some that are undone at the last moment; those ones' conversions."""

    def undo(point: str) -> None:
        if point == "outbox_written":
            raise _RolledBack

    undone: list[str] = []
    with Application(trial.settings, pool_size=1, reached=undo) as doomed:
        for number in range(COMMITTED):
            result = trial.calculate()
            if number % 3 == 0:
                command = trial.next_command()
                for each in (command, ApproveCommission(result.commission_id, trial.run_id)):
                    try:
                        doomed.send(each)
                    except _RolledBack:
                        continue
                undone.append(command.conversion_id)
            trial.approve(result.commission_id)
    trial.confirm(f"{len(undone)} pairs of transactions were rolled back after writing both rows", lambda: bool(undone))
    return undone


SCENARIO = Scenario(
    name="eventual-consistency",
    quality="Eventual consistency",
    hypothesis="An event reaches Pulsar after its transaction committed, and never if it was rolled back.",
    breaks="Nothing is killed: every third transaction is rolled back after it wrote both rows.",
    experiment=experiment,
    takes_s=6,
)
