"""What an experiment is handed: commands to send, faults to inject, conditions to confirm. Everything is undone at its end."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from application import Application
from db import notification_queries, queries
from db.errors import DatabaseUnavailable
from domain.commands import ApproveCommission, CalculateCommission, CommissionResult
from scenarios import load as loads
from scenarios.api_client import ApiClient
from scenarios.breaking import Breaking
from scenarios.journal import Journal
from scenarios.load import Load, Pair
from scenarios.model import Sample
from scenarios.routes import InProcess, OverHttp, Promise, ThroughTopic, unkept
from scenarios.waiting import TookTooLong
from settings import Settings
from workers.observer_store import ObserverStore

PER_SECOND = 30
"""Pairs of commands, so 60 events a second: a load that no stack notices."""
PATIENCE_S = {"embedded": 6.0, "native": 20.0}
"""How long nothing may move before what is missing counts as lost."""


class Standstill:
    """Nothing moved for a while though no part is down: what is missing now will not come.

    Whatever moves counts, whoever sent it: a capture that lost its offsets reads everything else first.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._patience_s = PATIENCE_S["embedded" if trial.settings.stack == "embedded" else "native"]
        self._seen: object = None
        self._since = time.monotonic()

    def reached(self) -> bool:
        trial = self._trial
        seen = trial.activity()
        if seen != self._seen or (self._late() and trial.ill()):
            self._seen, self._since = seen, time.monotonic()
        return self._late()

    def _late(self) -> bool:
        return time.monotonic() - self._since > self._patience_s


class Trial(Breaking):
    def __init__(self, settings: Settings, run_id: str, seed: int, journal: Journal) -> None:
        undo = ExitStack()
        application = undo.enter_context(Application(settings, pool_size=4))
        super().__init__(settings, run_id, application, journal, undo)
        self.seed = seed
        self.rng = random.Random(seed)
        self.samples: list[Sample] = []
        self.figures: dict[str, Any] = {}
        self.acknowledged: set[str] = set()
        """Event ids that a client was told are committed."""
        self.promised: list[Promise] = []
        """Commands that the broker acknowledged: the commands worker must carry them out."""
        self.conversions: list[str] = []
        """Of every calculation that was tried, acknowledged or not."""
        self._stream = loads.commands(seed, run_id)

    # What it sends.

    def calculate(self) -> CommissionResult:
        """The next command of the seeded stream. Raises what `Application.send` raises."""
        command = next(self._stream)
        self.conversions.append(command.conversion_id)
        result = self.application.send(command)
        self.acknowledged.update(result.event_ids)
        return result

    def approve(self, commission_id: str) -> CommissionResult:
        result = self.application.send(ApproveCommission(commission_id, self.run_id))
        self.acknowledged.update(result.event_ids)
        return result

    def next_command(self) -> CalculateCommission:
        """Of the seeded stream, for a scenario that sends it by a way of its own."""
        command = next(self._stream)
        self.conversions.append(command.conversion_id)
        return command

    @contextmanager
    def load(self, per_second: float = PER_SECOND, *, every_way: bool = False) -> Iterator[Load]:
        """Pairs of commands from the background, as many a second; counted in when it is left.

        `every_way`: not only in this process, but over HTTP and through the commands topic too, in turns.
        """
        running = Load(self.application, self._stream, per_second, self._every_way() if every_way else ())
        running.start()
        self.say("load", f"{per_second:g} commissions a second are calculated and approved")
        try:
            running.grows(10)
            yield running
        finally:
            running.stop()
            if running.error is not None:
                self.failed(f"the load ended: {type(running.error).__name__}: {running.error}")
            self.acknowledged |= running.event_ids
            self.promised += running.promised
            self.conversions += running.attempted
            failed = f", {running.unacknowledged} were refused" if running.unacknowledged else ""
            self.say("load", f"the load ends: {len(running.sent)} commands acknowledged{failed}")

    def _every_way(self) -> list[Pair]:
        inside = InProcess(self.application)
        http = OverHttp(self.settings, self.run_id)
        topic = ThroughTopic(self.settings, self.run_id)
        return [(inside, inside), (http, http), (http, topic), (topic, None)]

    def unkept(self) -> list[Promise]:
        """Commands that the broker acknowledged and nobody carried out."""
        with self.application.reading() as connection:
            return unkept(connection, self.promised)

    def kept(self, deadline_s: float = 60) -> None:
        """Until every command that the broker acknowledged is carried out. Raises TookTooLong."""
        standstill = Standstill(self)

        def all_kept() -> bool:
            missing = self.unkept()
            if missing and standstill.reached():
                raise TookTooLong(
                    f"{len(missing)} of {len(self.promised)} commands of the topic were not carried out,"
                    " and nothing moves any more"
                )
            return not missing

        self.wait(all_kept, deadline_s, f"{len(self.promised)} commands of the topic carried out", 0.2)

    def api(self, timeout_s: float = 10) -> ApiClient:
        """The instance's HTTP API; what it is sent belongs to this run."""
        headers = {"X-Correlation-Id": self.run_id}
        return ApiClient(self.settings, timeout_s=timeout_s, headers=headers, pause=self.pause)

    # What it waits for.

    def arrived(self, event_ids: set[str], deadline_s: float = 30) -> None:
        """Until these events are notified of. Raises TookTooLong."""
        standstill = Standstill(self)
        waiting = set(event_ids)

        def there() -> bool:
            with self.application.reading() as connection:
                waiting.difference_update(notification_queries.notified_among(connection, waiting))
            if waiting and standstill.reached():
                raise TookTooLong(
                    f"{len(waiting)} of {len(event_ids)} events were not notified of, and nothing moves any more"
                )
            return not waiting

        self.wait(there, deadline_s, f"{len(event_ids)} events notified of", 0.1)

    def sample(self) -> None:
        """Count once; nothing is added while the database is away."""
        with suppress(DatabaseUnavailable):
            with self.application.reading() as connection:
                committed = queries.count_outbox_ids(connection, self.run_id)
                notified = notification_queries.count_notifications(connection, self.run_id)
            store = ObserverStore(self.settings.observer_store)
            try:
                published = store.count_published(self.run_id)
            finally:
                store.close()
            self.samples.append(Sample(time.time(), committed, published, notified))

    def close(self) -> None:
        """Undo every fault that is still in force."""
        self._undo.close()
