"""The message is published after the commit, and never without one."""

from __future__ import annotations

from contextlib import suppress

from application import Application
from db import notification_queries, queries
from domain.commands import ApproveCommission
from domain.message import Message
from scenarios.listening import Listener
from scenarios.model import Scenario
from scenarios.percentiles import percentiles
from scenarios.routes import InProcess
from scenarios.trial import Trial

COMMITTED = 60


class _RolledBack(Exception):
    """Raised after state and outbox row are written and before they are committed."""


def experiment(trial: Trial) -> None:
    def row_is_there(event_id: str) -> bool:
        with trial.application.reading() as connection:  # each check uses a connection of its own
            return queries.outbox_exists(connection, event_id)

    with Listener(trial.settings, trial.run_id, row_is_there, trial.report_judge_error) as listener:
        rolled_back = _send_with_rollbacks(trial)
        trial.wait_until_notified(trial.acknowledged)
        trial.wait(lambda: trial.acknowledged <= listener.received.keys(), 20, Message("awaited.listener"))
    early = [event_id for event_id, visible in listener.received.items() if not visible]
    trial.check(
        Message("check.row_visible"),
        not early,
        Message("detail.did_not", n=len(early), m=len(listener.received)),
    )
    with trial.application.reading() as connection:
        remaining = [
            conversion_id
            for conversion_id in rolled_back
            if queries.commission_by_conversion(connection, conversion_id) is not None
        ]
    detail = Message("detail.did", n=len(remaining), m=len(rolled_back))
    trial.check(Message("check.rollback_leaves_nothing"), not remaining, detail)
    trial.figures["rolled_back"] = len(rolled_back)
    with trial.application.reading() as connection:
        latencies_ms = [
            (notified - occurred) / 1000
            for occurred, notified in notification_queries.read_occurred_and_notified(connection, trial.run_id)
        ]
    trial.figures["consistent_after_ms"] = percentiles(latencies_ms)


def _send_with_rollbacks(trial: Trial) -> list[str]:
    """Send commands, a third of them with a twin that is rolled back at the last moment; return the twins' conversions."""

    def undo(point: str) -> None:
        if point == "outbox_written":
            raise _RolledBack

    rolled_back: list[str] = []
    with Application(trial.settings, pool_size=1, reached=undo) as failing_application:
        for number in range(COMMITTED):
            result = trial.calculate()
            if number % 3 == 0:
                command = trial.next_command()
                for doomed_command in (command, ApproveCommission(result.commission_id, trial.run_id)):
                    with suppress(_RolledBack), trial.operations.invoked(InProcess.name, doomed_command) as answer:
                        answer.refuse()  # its transaction is rolled back
                        failing_application.send(doomed_command)
                rolled_back.append(command.conversion_id)
            trial.approve(result.commission_id)
    trial.confirm(Message("confirm.rolled_back", n=len(rolled_back)), lambda: bool(rolled_back))
    return rolled_back


SCENARIO = Scenario(
    name="eventual-consistency",
    quality="Eventual consistency",
    hypothesis="An event reaches Pulsar after its transaction committed, and never if it was rolled back.",
    breaks="Nothing is killed: every third transaction is rolled back after it wrote both rows.",
    experiment=experiment,
    attribute="consistency",
    takes_s=6,
)
