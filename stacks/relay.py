"""Control the relay as the capture: a worker like the others, whose position is a row of the database."""

from __future__ import annotations

from sqlalchemy import Engine

from db.engine import connect
from db.outbox import OutboxFeed
from domain.message import Message
from settings.stack_facts import RELAY
from stacks.lag import read_lag
from stacks.operation import Holding
from stacks.part_health import PartHealth, check_worker
from stacks.process_capture import ProcessCapture


class Relay(ProcessCapture):
    def check(self, engine: Engine) -> PartHealth:
        lag = read_lag(self.settings, engine)
        health = check_worker(self.settings, RELAY.component)
        if not lag.parked:
            return health
        parked = Message("health.parked", n=lag.parked)
        return PartHealth(
            health.part, health.light, Message("health.with_parked", health=health.message, parked=parked)
        )

    def lose_offsets(self, held: Holding) -> None:
        engine = connect(self.settings.admin_url, pool_size=1)
        try:
            OutboxFeed(engine).save_checkpoint(0)
        finally:
            engine.dispose()

    def healer(self, engine: Engine) -> None:
        """Return None: the watcher restarts it like every worker."""
