"""Measure each way to publish on a private native instance of the same versions, one after the other."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
from sqlalchemy import Connection, Engine

from application.components import COMPONENTS
from bench.latency import INTERVAL_S, count_warm_up
from bench.peers.broker_kill import KillFigures, measure_kill
from bench.peers.catalogue import STACK, Peer, choose_mysql
from bench.peers.counting import Committed, Outcome, count, first_received_us, measure_delays
from bench.peers.database_load import DatabaseLoad, read_load
from bench.peers.dual_write import publishing
from bench.peers.receiving import NAME as CONSUMER
from bench.peers.receiving import Receiver, receiving
from bench.peers.writing import Load
from bench.profile import Meter, ProcessCost
from db.engine import connect
from scenarios import end_to_end
from scenarios.waiting import TookTooLong, until
from settings import Settings
from stacks import instance

IDLE_S = 5.0
LONE_COMMANDS, LONE_INTERVAL_S = 11, 1.13
"""The interval is no multiple of any poll's, so that the events meet different times of it."""
ARRIVES_WITHIN_S = 120.0
"""How long after the last commit events may arrive; what is missing then counts as lost."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is written."""

    commands: int
    """One at a time, for the latency."""
    storm_commands: int
    """As fast as possible."""
    writers: int


@dataclass(frozen=True, slots=True)
class Storm:
    """Commands as fast as the writers can."""

    commits_per_s: float
    """A dual write publishes before its next commit."""
    drained_after_s: float
    """Seconds from the last commit to the last receipt."""
    outcome: Outcome
    costs: list[ProcessCost]
    """By process. A source in Pulsar IO is a part of the broker's."""
    load: DatabaseLoad
    """For each event."""
    others_cores: float
    """Cores that everything else on the machine kept busy meanwhile: when it is not near 0, measure again."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Some seconds without a command."""

    load: DatabaseLoad
    """For each second."""
    cores: dict[str, float]
    """Process → cores that it keeps busy."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one way to publish does."""

    name: str
    description: str
    versions: dict[str, str]
    commit_p50_ms: float
    """From the first statement of a transaction to the answer to COMMIT."""
    p50_ms: float
    """From the first statement of a transaction to the receipt of its event, one command at a time."""
    p99_ms: float
    lone_p50_ms: float
    """The same of events with more than a second of silence before each."""
    message_bytes: int
    """Mean size of a message."""
    storm: Storm
    idle: Idle
    kill: KillFigures

    @property
    def lost(self) -> int:
        return self.storm.outcome.lost + self.kill.outcome.lost


@dataclass(frozen=True, slots=True)
class Bench:
    """A running instance with its publisher and its consumer."""

    peer: Peer
    settings: Settings
    receiver: Receiver
    beside: dict[str, int]
    """Process ids of publisher and consumer."""
    engine: Engine
    database: Connection
    """Of the admin user, in autocommit mode: each reading of the counters is one statement."""

    def write(self, commands: int, writers: int, interval_s: float) -> list[Committed]:
        """Commit commands and return their events. Raises the first error of a writer."""
        with self.load(writers, interval_s) as load:
            return load.write(commands)

    @contextmanager
    def load(self, writers: int, interval_s: float) -> Iterator[Load]:
        """Yield a load that was not started, whose writers publish by themselves where there is no outbox."""
        if self.peer.has_outbox:
            yield Load(self.engine, writers, None, interval_s)
            return
        with publishing(self.settings, writers) as publishers:
            yield Load(self.engine, writers, publishers, interval_s)

    def await_receipt(self, events: Sequence[Committed], within_s: float = ARRIVES_WITHIN_S) -> None:
        """Wait until all events are received, or for so long: what is missing is counted by the caller."""
        event_ids = {event.event_id for event in events}
        with contextlib.suppress(TookTooLong):
            until(lambda: self.receiver.has_all(event_ids), within_s, "every event received", 0.05)

    def count(self, events: Sequence[Committed]) -> Outcome:
        """Return what became of these events, by all receipts of their commissions."""
        aggregate_ids = {event.aggregate_id for event in events}
        return count(events, [receipt for receipt in self.receiver.read() if receipt.aggregate_id in aggregate_ids])

    def read_database(self) -> DatabaseLoad:
        return read_load(self.database, self.settings.data / "mysql")


def measure_peers(peers: Sequence[Peer], size: Size, say: Callable[[str], None]) -> list[Figures]:
    """Measure each, for about two minutes. Raises what `end_to_end.running`, the peer's `start` and the measurements raise."""
    return [measure_peer(peer, size, say) for peer in peers]


def measure_peer(peer: Peer, size: Size, say: Callable[[str], None]) -> Figures:
    """Measure one on a private instance with database, broker and publisher only. Raises as `measure_peers`."""
    say(f"{peer.name}: starting database, broker and publisher")
    with _running(peer, size.writers) as bench:
        versions = instance.versions(bench.settings)
        if peer.capture is None:
            del versions["capture"]
        say(f"{peer.name}: {size.commands} commands one at a time, after {count_warm_up(bench.settings)} to warm up")
        bench.await_receipt(bench.write(count_warm_up(bench.settings), 1, INTERVAL_S))
        paced = bench.write(size.commands, 1, INTERVAL_S)
        bench.await_receipt(paced)
        delays_ms = measure_delays(paced, bench.receiver.read())
        say(f"{peer.name}: {LONE_COMMANDS} commands, each after more than a second of silence")
        lone = bench.write(LONE_COMMANDS, 1, LONE_INTERVAL_S)
        bench.await_receipt(lone)
        say(f"{peer.name}: {IDLE_S:g} s without commands")
        idle = _measure_idle(bench)
        say(f"{peer.name}: {size.storm_commands} commands as fast as {size.writers} writers can")
        storm = _measure_storm(bench, size)
        say(f"{peer.name}: SIGKILL of the broker while commands are committed")
        kill = measure_kill(bench)
        lone_delays_ms = measure_delays(lone, bench.receiver.read())
        sizes = [receipt.size for receipt in bench.receiver.read()]
    return Figures(
        name=peer.name,
        description=peer.description,
        versions=versions,
        commit_p50_ms=round(statistics.median((event.committed_us - event.began_us) / 1000 for event in paced), 3),
        p50_ms=delays_ms["p50"],
        p99_ms=delays_ms["p99"],
        lone_p50_ms=lone_delays_ms["p50"],
        message_bytes=round(statistics.mean(sizes)),
        storm=storm,
        idle=idle,
        kill=kill,
    )


@contextmanager
def _running(peer: Peer, writers: int) -> Iterator[Bench]:
    without = tuple(
        name for name, component in COMPONENTS.items() if not component.is_server and not component.is_capture
    )
    with (
        end_to_end.running(
            STACK, private=True, without=without, mysql_version=choose_mysql(), **peer.changes
        ) as settings,
        peer.start(settings) as publishers,
        receiving(settings) as receiver,
        contextlib.closing(_Engines(settings, writers)) as engines,
        engines.admin.connect().execution_options(isolation_level="AUTOCOMMIT") as database,
    ):
        beside = publishers | {CONSUMER: receiver.pid}
        yield Bench(peer, settings, receiver, beside, engines.application, database)


class _Engines:
    def __init__(self, settings: Settings, writers: int) -> None:
        self.application = connect(settings.database_url, pool_size=writers)
        self.admin = connect(settings.admin_url, pool_size=1)

    def close(self) -> None:
        self.application.dispose()
        self.admin.dispose()


def _measure_idle(bench: Bench) -> Idle:
    meter = Meter(bench.settings, bench.beside)
    before = bench.read_database()
    with meter.running():
        time.sleep(IDLE_S)
    load = bench.read_database() - before
    return Idle(load.per(IDLE_S), {cost.name: round(cost.cpu_s / IDLE_S, 3) for cost in meter.list_costs(1)})


def _measure_storm(bench: Bench, size: Size) -> Storm:
    meter = Meter(bench.settings, bench.beside)
    before = bench.read_database()
    busy_s, started_at = _read_busy_s(), time.monotonic()
    with meter.running():
        events = bench.write(size.storm_commands, size.writers, 0.0)
        bench.await_receipt(events)
    wall_s, busy_s = time.monotonic() - started_at, _read_busy_s() - busy_s
    load = bench.read_database() - before
    costs = meter.list_costs(len(events))
    received_us = first_received_us(bench.receiver.read())
    began_us = min(event.began_us for event in events)
    ended_us = max(event.committed_us for event in events)
    last_us = max((received_us[event.event_id] for event in events if event.event_id in received_us), default=ended_us)
    return Storm(
        commits_per_s=round(len(events) / (ended_us - began_us) * 1e6, 1),
        drained_after_s=round((last_us - ended_us) / 1e6, 3),
        outcome=bench.count(events),
        costs=costs,
        load=load.per(len(events)),
        others_cores=round(max(0.0, busy_s - sum(cost.cpu_s for cost in costs)) / wall_s, 2),
    )


def _read_busy_s() -> float:
    """Return the processor time of everything on this machine since its start, in seconds."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice)
