"""What an experiment is handed: commands to send, faults to inject, conditions to confirm. Everything is undone at its end."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import psutil

from application import Application, crash_points, leases
from connectors.broker import Broker
from db import lookups, queries
from db.errors import DatabaseUnavailable
from domain.commands import ApproveCommission, CalculateCommission, CommissionResult
from scenarios import load as loads
from scenarios.journal import Journal
from scenarios.load import Load
from scenarios.model import Check, FaultWindow, Sample
from scenarios.waiting import TookTooLong, until
from settings import Settings
from stacks import faults, health, source_control
from stacks.control import NotRunning, PartUnknown
from stacks.controls import control
from stacks.python_parts import worker_names
from workers.observer_store import ObserverStore

PER_SECOND = 30
"""Pairs of commands, so 60 events a second: a load that no stack notices."""


SLOWEST_PER_S = 200
"""Where everything there is comes again, whoever sent it, deadlines grow with it."""
PATIENCE_S = {"embedded": 6.0, "native": 20.0}
"""How long nothing may move before what is missing counts as lost."""


class Stopped(Exception):
    """The run was asked to stop before its verdict."""


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


class Trial:
    def __init__(self, settings: Settings, run_id: str, seed: int, journal: Journal) -> None:
        self.settings = settings
        self.run_id = run_id
        """The correlation id of everything this run sends."""
        self.seed = seed
        self.rng = random.Random(seed)
        self.stop = threading.Event()
        """Set from outside when the run is to end early."""
        self.confirmations: list[Check] = []
        self.checks: list[Check] = []
        self.windows: list[FaultWindow] = []
        self.samples: list[Sample] = []
        self.figures: dict[str, Any] = {}
        self.acknowledged: set[str] = set()
        """Event ids that a client was told are committed."""
        self.conversions: list[str] = []
        """Of every calculation that was tried, acknowledged or not."""
        self._journal = journal
        self._undo = ExitStack()
        self._stream = loads.commands(seed, run_id)
        self.application = self._undo.enter_context(Application(settings, pool_size=4))
        with self.application.reading() as connection:
            self._letters_before = max((row.seq for row in queries.dead_letters(connection, limit=1)), default=0)

    # What it tells.

    def say(self, kind: str, text: str, **data: Any) -> None:
        """An entry of the timeline."""
        self._journal.say(kind, text, data)

    def check(self, name: str, ok: bool, detail: str = "") -> None:
        """One more invariant of this scenario: a run with one that does not hold fails."""
        self.checks.append(Check(name, ok, detail))
        self.say("check", f"{name}: {'holds' if ok else 'DOES NOT HOLD'}{f' ({detail})' if detail else ''}", ok=ok)

    def confirm(self, what: str, condition: Callable[[], bool], deadline_s: float = 10) -> bool:
        """The fault really happened: without this, the verdict is INCONCLUSIVE."""
        try:
            self.wait(condition, deadline_s, what)
        except TookTooLong:
            self.confirmations.append(Check(what, False, f"not within {deadline_s:g} s"))
            self.say("unconfirmed", f"not confirmed: {what}")
            return False
        self.confirmations.append(Check(what, True))
        self.say("confirmed", what)
        return True

    # What it waits for.

    def wait(self, condition: Callable[[], bool], deadline_s: float, what: str, every_s: float = 0.05) -> None:
        """Raises TookTooLong, or Stopped when the run is to end."""

        def met() -> bool:
            if self.stop.is_set():
                raise Stopped
            return condition()

        until(met, deadline_s, what, every_s)

    def pause(self, seconds: float) -> None:
        """Let the load go on for so long. Raises Stopped."""
        if self.stop.wait(seconds):
            raise Stopped

    def whole(self, deadline_s: float = 60) -> None:
        """Until every part is well again. Raises TookTooLong naming those that are not."""
        try:
            self.wait(lambda: not self.ill(), deadline_s, "every part well again", 0.1)
        except TookTooLong:
            raise TookTooLong(f"not well again after {deadline_s:g} s: {', '.join(self.ill())}") from None
        self.say("recovered", "every part is well")

    def ill(self) -> list[str]:
        """The parts that are down now, with what is known of them."""
        rows = health.check(self.settings, self.application.engine)
        return [f"{row.part} ({row.detail})" for row in rows if row.light == "down"]

    def arrived(self, event_ids: set[str], deadline_s: float = 30) -> None:
        """Until these events are notified of. Raises TookTooLong."""
        standstill = Standstill(self)
        waiting = set(event_ids)

        def there() -> bool:
            with self.application.reading() as connection:
                waiting.difference_update(queries.notified_among(connection, waiting))
            if waiting and standstill.reached():
                raise TookTooLong(
                    f"{len(waiting)} of {len(event_ids)} events were not notified of, and nothing moves any more"
                )
            return not waiting

        self.wait(there, deadline_s, f"{len(event_ids)} events notified of", 0.1)

    def everything_again_within_s(self) -> float:
        """How long it may take until everything in the outbox was published and delivered once more."""
        rows = 0
        with suppress(DatabaseUnavailable):
            rows = self.outbox_size()
        return 60 + rows / SLOWEST_PER_S

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
    def load(self, per_second: float = PER_SECOND) -> Iterator[Load]:
        """Pairs of commands from the background, as many a second; counted in when it is left."""
        running = Load(self.application, self._stream, per_second)
        running.start()
        self.say("load", f"{per_second:g} commissions a second are calculated and approved")
        try:
            running.grows(10)
            yield running
        finally:
            running.stop()
            self.acknowledged |= running.event_ids
            self.conversions += running.attempted
            failed = f", {running.unacknowledged} were refused" if running.unacknowledged else ""
            self.say("load", f"the load ends: {len(running.sent)} commands acknowledged{failed}")

    # What it breaks.

    @contextmanager
    def killed(self, part: str, hold_s: float = 0.0) -> Iterator[None]:
        """SIGKILL a part and keep it down for `hold_s`; leaving waits for the end of that time."""
        parts = control(self.settings)
        pid = parts.pid(part)
        self._undo.callback(faults.release, self.settings, part)
        lease = faults.kill(self.settings, part, hold_s)
        self.say("fault", f"SIGKILL of {part}, pid {pid}, down for {hold_s:g} s", part=part, pid=pid)
        noticed = self._noticed(part, pid, lease.started_at)
        self.confirm(f"process {pid} of {part} is dead", lambda: not psutil.pid_exists(pid))
        yield
        self.pause(max(0.0, lease.expires_at - time.time()))
        faults.release(self.settings, part)
        self._fault_ended(part, "kill", lease.started_at, max(lease.expires_at, lease.started_at), noticed)

    @contextmanager
    def slowed(self, delay_ms: float, longest_s: float = 60) -> Iterator[None]:
        """Make every notifications worker take so much longer for each event."""
        workers = worker_names(self.settings)
        for part in workers:
            self._undo.callback(leases.release, self.settings, part, "slow")
            faults.slow(self.settings, part, delay_ms, longest_s)
        began = time.time()
        self.say("fault", f"{', '.join(workers)} take {delay_ms:g} ms more for each event", part=workers[0])
        yield
        for part in workers:
            leases.release(self.settings, part, "slow")
        self._fault_ended(workers[0], "slow", began, time.time(), None)

    @contextmanager
    def failing(
        self, commission_id: str, longest_s: float = 120, aggregate_version: int | None = None
    ) -> Iterator[None]:
        """Make every notifications worker fail for this commission's events, or for the one of a version only."""
        workers = worker_names(self.settings)
        for part in workers:
            self._undo.callback(leases.release, self.settings, part, "fail")
            faults.fail(self.settings, part, commission_id, longest_s, aggregate_version)
        self.say("fault", f"whatever comes of commission {commission_id} fails in the worker", part=workers[0])
        yield
        for part in workers:
            leases.release(self.settings, part, "fail")
        self.say("fault_end", "the worker is mended")

    def crash(self, part: str, point: str, provoke: Callable[[], None] = lambda: None, deadline_s: float = 15) -> float:
        """Arm a crash point, `provoke` it, and prove that the process died there; when, in seconds since the epoch."""
        token = self.settings.control_token.get_secret_value()
        pid = control(self.settings).pid(part)
        self._undo.callback(crash_points.disarm, self.settings, part, point)
        crash_points.arm(self.settings, part, point, token)
        self.say("fault", f"{part} dies where {crash_points.POINTS[point]}", part=part, point=point)
        provoke()
        self.confirm(
            f"{part} reached that point", lambda: crash_points.hit(self.settings, part, point) is not None, deadline_s
        )
        hit = crash_points.hit(self.settings, part, point)
        # In a container the process counts from one: there Docker's own number is the one to look for.
        dead = hit.pid if hit is not None and self.settings.stack != "compose" else pid
        self.confirm(f"process {dead} of {part} is dead", lambda: not psutil.pid_exists(dead))
        at = time.time() if hit is None else hit.at
        self._fault_ended(part, f"crash at {point}", at, at, self._noticed(part, dead, at))
        return at

    @contextmanager
    def restarted(self, part: str) -> Iterator[None]:
        """Stop a part politely and start it again; `source` is Debezium's, or the relay where that captures."""
        began = time.time()
        if part == "source":
            source_control.act(self.settings, "restart")
        else:
            faults.restart(self.settings, part)
        ended = time.time()
        self.say("fault", f"{part} was restarted", part=part)
        yield
        self._fault_ended(part, "restart", began, ended, 0.0)

    @contextmanager
    def injected(self, part: str, fault: str, act: Callable[[], object]) -> Iterator[None]:
        """Any other fault: `act` does it, leaving says that it is over."""
        began = time.time()
        act()
        self.say("fault", f"{part}: {fault}", part=part)
        ended = time.time()
        yield
        self._fault_ended(part, fault, began, ended, None)

    @property
    def capture_part(self) -> str:
        """The part that captures on this stack."""
        return "relay" if self.settings.stack == "embedded" else "source"

    @property
    def worker(self) -> str:
        """The first notifications worker."""
        return worker_names(self.settings)[0]

    # What it sees, each from a source of its own.

    def outbox_size(self) -> int:
        """Rows of every run and user, at most: the highest `seq`."""
        with self.application.reading() as connection:
            return queries.outbox_head(connection)

    def committed(self) -> set[str]:
        with self.application.reading() as connection:
            return queries.outbox_ids(connection, self.run_id)

    def notified(self) -> set[str]:
        with self.application.reading() as connection:
            return queries.notification_ids(connection, self.run_id)

    def published(self) -> dict[str, int]:
        """Event id → messages that carried it, as the observer saw them."""
        store = ObserverStore(self.settings.observer_store)
        try:
            return store.published_ids(self.run_id)
        finally:
            store.close()

    def dead_letters(self) -> list[queries.DeadLetterRow]:
        """The run's own, newest first, requeued ones included: its id stands in them somewhere."""
        marker = self.run_id.encode()
        with self.application.reading() as connection:
            rows = queries.dead_letters(connection, limit=500)
        return [
            row
            for row in rows
            if row.seq > self._letters_before and (row.correlation_id == self.run_id or marker in row.payload)
        ]

    def deliveries(self) -> queries.Deliveries:
        with self.application.reading() as connection:
            return queries.deliveries(connection, self.run_id)

    def activity(self) -> object:
        """Another value whenever anything was written to the database, or seen on a topic, of any run."""
        store = ObserverStore(self.settings.observer_store)
        try:
            seen = store.totals()
        finally:
            store.close()
        with self.application.reading() as connection:
            return lookups.heads(connection), seen

    def broker_answers(self) -> bool:
        return Broker(self.settings).reachable()

    def sample(self) -> None:
        """Count once; nothing is added while the database is away."""
        with suppress(DatabaseUnavailable):
            with self.application.reading() as connection:
                committed = queries.count_outbox_ids(connection, self.run_id)
                notified = queries.count_notifications(connection, self.run_id)
            store = ObserverStore(self.settings.observer_store)
            try:
                published = store.count_published(self.run_id)
            finally:
                store.close()
            self.samples.append(Sample(time.time(), committed, published, notified))

    def close(self) -> None:
        """Undo every fault that is still in force."""
        self._undo.close()

    def _noticed(self, part: str, pid: int, since: float) -> float | None:
        parts = control(self.settings)

        def seen() -> bool:
            try:
                return parts.pid(part) != pid
            except (NotRunning, PartUnknown):
                return False

        with suppress(TookTooLong):
            until(seen, 5, "noticed", 0.01)
            return round(time.time() - since, 3)
        return None

    def _fault_ended(self, part: str, fault: str, began: float, ended: float, noticed: float | None) -> None:
        self.windows.append(FaultWindow(part, fault, began, ended, noticed))
        self.say("fault_end", f"the {fault} of {part} is over", part=part)
