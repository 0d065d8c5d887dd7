"""Kill one server of a cluster under load: events must arrive while it is still down."""

from __future__ import annotations

from collections.abc import Callable

from domain.message import Message
from scenarios.trial import Trial

GONE_WITHIN_S = 20.0
BACK_WITHIN_S = 120.0


def lose_server(
    trial: Trial, server: str, down_s: float, is_counted: Callable[[], bool], confirmation: Message
) -> None:
    """`is_counted()`: whether the others count it among those that work.

    `confirmation`: the message that they do not.
    """
    with trial.load() as load:
        with trial.killed(server, down_s):
            trial.confirm(confirmation, lambda: not is_counted(), GONE_WITHIN_S)
            before = len(load.event_ids)
            load.wait_for_more(40)
            trial.wait_until_notified(load.event_ids, down_s)
            arrived = Message("detail.events", n=len(load.event_ids) - before)
            trial.check(Message("check.notified_without", part=server), not is_counted(), arrived)
        trial.wait(is_counted, BACK_WITHIN_S, Message("awaited.server", part=server), 0.5)
        trial.wait_until_healthy()
        load.wait_for_more(40)
    trial.wait_until_notified(trial.acknowledged, 60)
