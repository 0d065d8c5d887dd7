"""Commands reach the system through the broker, twice each, and their worker dies under load."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select

from connectors.broker import Broker, Publisher
from db.tables import commission
from domain.commands import ApproveCommission, CalculateCommission
from domain.message import Message
from scenarios.model import Scenario
from scenarios.routes import ThroughTopic, build_message
from scenarios.trial import Trial

COMMANDS = 100
"""Commands of each kind. The worker handles them one at a time, so many wait when it dies."""
REASONS = {"refused": 2, "malformed_command": 1}
"""Reason of a dead letter → number of commands that cannot be obeyed for it."""


def experiment(trial: Trial) -> None:
    topic = ThroughTopic(trial.settings, trial.run_id)
    try:
        calculations = [trial.next_command() for _ in range(COMMANDS)]
        _publish_unwanted(trial, calculations[0])
        _publish_and_kill(trial, topic, calculations)
        trial.wait_until_promises_are_kept()
        _publish_and_kill(trial, topic, [ApproveCommission(id_, trial.run_id) for id_ in _find_commissions(trial)])
        trial.wait_until_promises_are_kept()
    finally:
        topic.close()
    trial.wait_until_notified(trial.committed())
    reasons = Counter(row.reason for row in trial.dead_letters())
    counts = ", ".join(f"{reason}: {n}" for reason, n in sorted(reasons.items()))
    trial.check(Message("check.refused_dead_lettered"), reasons == REASONS, Message("detail.reasons", reasons=counts))


def _publish_and_kill(
    trial: Trial, topic: ThroughTopic, commands: Sequence[CalculateCommission | ApproveCommission]
) -> None:
    """Publish each command twice, and kill the worker when it has processed some of them.

    The last fifth is published while the worker is dead. So commands wait then, however slow the publisher is.
    """
    commands_before = len(trial.committed())
    most = len(commands) * 4 // 5
    _publish_twice(trial, topic, commands[:most])
    trial.wait(lambda: len(trial.committed()) > commands_before, 30, Message("awaited.some_processed"), 0.01)
    with trial.killed("commands"):
        _publish_twice(trial, topic, commands[most:])
        trial.confirm(Message("confirm.commands_waiting"), lambda: bool(trial.broken_promises()))
    trial.wait_until_healthy()


def _publish_twice(
    trial: Trial, topic: ThroughTopic, commands: Sequence[CalculateCommission | ApproveCommission]
) -> None:
    for command in commands:
        for _ in range(2):
            with trial.operations.invoked(ThroughTopic.name, command) as answer:
                trial.promised.append(topic.send(command))
                answer.acknowledge()


def _publish_unwanted(trial: Trial, first: CalculateCommission) -> None:
    """Publish another command for a conversion, an approval of no commission, and something that is no command."""
    unwanted: list[dict[str, str]] = [
        {**build_message(first, trial.run_id), "grossAmount": "0.01"},
        build_message(ApproveCommission(str(uuid.uuid4())), trial.run_id),
        {"command": "forget", "correlationId": trial.run_id},
    ]
    topic = ThroughTopic(trial.settings, trial.run_id)
    publisher = Publisher(Broker(trial.settings), trial.settings.topics.commands)
    try:
        # The commission must be there, or the other command would be the first of its conversion.
        with trial.operations.invoked(ThroughTopic.name, first) as answer:
            trial.promised.append(topic.send(first))
            answer.acknowledge()
        trial.wait_until_promises_are_kept()
        for body in unwanted:
            publisher.send(json.dumps(body).encode())
    finally:
        publisher.close()
        topic.close()
    trial.say("fault", Message("injected.unwanted", n=len(unwanted)))


def _find_commissions(trial: Trial) -> list[str]:
    conversion_ids = [operation.target for operation in trial.operations.list_recorded()]
    with trial.application.reading() as connection:
        query = select(commission.c.id).where(commission.c.conversion_id.in_(conversion_ids))
        return sorted(connection.scalars(query))


SCENARIO = Scenario(
    name="commands-topic",
    quality="Commands over the broker",
    hypothesis="Each command that the broker stored has one effect, although it comes twice and its worker dies.",
    breaks="Every command is published twice, some cannot be obeyed, and the commands worker dies by SIGKILL under load.",
    experiment=experiment,
    attribute="idempotency",
    takes_s=15,
    poisonous=True,
)
