"""Confirm the fault of a cell by measurements that are false on a system without it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import httpx

from application.components import get_base_name
from connectors.broker import Broker, Publisher
from db import notification_queries, queries
from domain.message import Message
from scenarios.api_client import ApiClient
from scenarios.matrix.probe import Probe
from scenarios.routes import OverHttp
from scenarios.trial import Trial
from scenarios.waiting import TookTooLong, until
from stacks.edges import Edge
from stacks.proxy.network import Network
from workers.observer_store import ObserverStore

SILENT_S = 1.0
"""A healthy edge answers within some hundredths of a second."""
ANSWERS_WITHIN_S = 15.0
SLOW_WITHIN_S = 24.0
"""A component may store nothing for several delays, while another holds the database's lock; a fault lasts 30 s at most."""
ENDS_WITHIN_S = 3.0
PADDING_S = 0.7
"""Seconds that the padding of a request takes on a narrow edge."""
STANDS_STILL_S = 1.0
SENT_WITHIN_S = 10.0
MEASUREMENTS = 6
"""Each needs a connection of its own that was opened before the fault."""


class EdgeConfirmations:
    """Measure an edge before, during and after its fault, by connections that are opened before it."""

    def __init__(self, trial: Trial, edge: Edge, network: Network) -> None:
        self._trial = trial
        self._edge = edge
        self._network = network
        self._probes: list[Probe] = []
        self._healthy_s: float | None = None
        self._silent: Probe | None = None
        """The connection over which nothing came back."""

    def close(self) -> None:
        for probe in (*self._probes, self._silent):
            if probe is not None:
                probe.close()

    def before(self) -> None:
        """Measure a round trip, and open the connections that will see the fault. Raises OSError."""
        with self._connect() as probe:
            probe.send(self._padding())
            self._healthy_s = probe.answer_s(ANSWERS_WITHIN_S)
        self._probes = [self._connect() for _ in range(MEASUREMENTS)]

    def during(self) -> None:
        """Measure until the fault shows: the proxy takes a moment to cause it."""
        match self._network.kind:
            case "latency":
                least_s = round(2 * self._network.latency_s, 2)
                confirmation = Message("confirm.latency", edge=self._edge.name, s=least_s)
                self._trial.confirm(confirmation, lambda: self._is_slow(least_s), ANSWERS_WITHIN_S)
            case "bandwidth":
                confirmation = Message("confirm.bandwidth", edge=self._edge.name, n=self._padding(), s=PADDING_S)
                self._trial.confirm(confirmation, lambda: self._is_slow(PADDING_S), ANSWERS_WITHIN_S)
            case "reset":
                confirmation = Message("confirm.reset", edge=self._edge.name)
                self._trial.confirm(confirmation, lambda: self._probes[0].is_reset(ENDS_WITHIN_S) and self._refuses())
            case "black-hole" | "half-open":
                confirmation = Message("confirm.silent", edge=self._edge.name, s=SILENT_S)
                self._trial.confirm(confirmation, self._is_silent)

    def after(self) -> None:
        if self._silent is None:
            return
        probe = self._silent
        if self._network.kind == "black-hole":
            confirmation = Message("confirm.arrives", edge=self._edge.name)
            self._trial.confirm(confirmation, lambda: self._arrives(probe))
        else:
            confirmation = Message("confirm.learns", edge=self._edge.name)
            self._trial.confirm(confirmation, lambda: _learns(probe))

    def _is_slow(self, least_s: float) -> bool:
        is_http = self._edge.protocol == "http"
        probe = self._connect(greets=False) if is_http else self._probes.pop()  # the API closes an idle connection soon
        began_at = time.monotonic()
        with probe:
            try:
                probe.send(self._padding())
                probe.answer_s(ANSWERS_WITHIN_S)
            except OSError:
                if not is_http:
                    raise  # the API closes a connection on which a request is too long on its way
        took_s = time.monotonic() - began_at
        return self._healthy_s is not None and self._healthy_s < least_s <= took_s

    def _is_silent(self) -> bool:
        probe = self._probes.pop()
        with suppress(OSError):
            probe.send()
            if probe.answer_s(SILENT_S) is None:
                self._silent = probe
                return True
        probe.close()
        return False

    def _refuses(self) -> bool:
        try:
            with self._connect() as probe:
                probe.send()
                return probe.is_reset(ENDS_WITHIN_S)
        except OSError:
            return True

    def _arrives(self, probe: Probe) -> bool:
        """Return whether what was sent into the silence is answered now."""
        try:
            return probe.answer_s(ANSWERS_WITHIN_S) is not None
        except OSError:
            if self._edge.protocol != "http":
                raise
        with self._connect() as another:  # the API closes a connection on which it has awaited a request for too long
            another.send()
            return another.answer_s(ANSWERS_WITHIN_S) is not None

    def _padding(self) -> int:
        return int(self._network.bytes_per_s * PADDING_S)

    def _connect(self, *, greets: bool = True) -> Probe:
        settings = self._trial.settings
        return Probe(self._edge, settings.bind, settings.edge_ports[self._edge.name], greets=greets)


def _learns(probe: Probe) -> bool:
    """Return whether a connection turns out to be dead when something is sent."""
    try:
        probe.send()
    except OSError:
        return True
    return probe.is_reset(ENDS_WITHIN_S)


class Progress:
    """What a component stores, which stands still while its disk is full."""

    def __init__(self, trial: Trial, part: str, measure: Callable[[], int]) -> None:
        self._trial = trial
        self._part = part
        self._measure = measure

    def confirm_standstill(self) -> None:
        """Confirm that it stores nothing for a while in which others commit."""
        confirmation = Message("confirm.no_progress", part=self._part)
        state = {"stored": -1, "committed": 0, "since": 0}
        began = [time.monotonic()]

        def stands_still() -> bool:
            stored, committed = self._measure(), _count_committed(self._trial)
            if stored != state["stored"]:
                state.update(stored=stored, committed=committed)
                began[0] = time.monotonic()
            return time.monotonic() - began[0] > STANDS_STILL_S and committed > state["committed"]

        self._trial.confirm(confirmation, stands_still)


SEEN_LATE = 0.1
"""Share of the delay by which a commit may seem quicker: the one before it was noticed late, on a busy machine."""


class CommitTime:
    """How long a component takes to store something durably, before and during a slow disk."""

    def __init__(self, trial: Trial, part: str, delay_s: float) -> None:
        self._part = part
        self._trial = trial
        self._least_s = delay_s * (1 - SEEN_LATE)
        self._healthy_s: float | None = None
        self._publisher = Publisher(Broker(trial.settings), f"{trial.settings.topics.naive}-flushed", SENT_WITHIN_S)
        self._api = ApiClient(trial.settings, timeout_s=ANSWERS_WITHIN_S, headers={"X-Correlation-Id": trial.run_id})

    def close(self) -> None:
        self._publisher.close()
        self._api.close()

    def before(self) -> None:
        """Measure a commit. Raises what it raises."""
        self._measure_s()  # the first one opens connections
        self._healthy_s = self._measure_s()

    def during(self) -> None:
        """Measure until a commit takes about as long as one flush is delayed, which it did not before."""
        confirmation = Message("confirm.slow_commit", part=self._part, s=round(self._least_s, 1))
        self._trial.confirm(confirmation, self._is_slow, SLOW_WITHIN_S)

    def _is_slow(self) -> bool:
        try:
            return self._healthy_s is not None and self._healthy_s < self._least_s <= self._measure_s()
        except TookTooLong:  # nothing was stored: that is no measurement of a commit
            return False

    def _measure_s(self) -> float:
        acts: dict[str, Callable[[], object]] = {
            "database": self._trial.calculate,
            "broker": lambda: self._publisher.send(b"flushed"),
            "api": self._calculate_over_http,
        }
        act = acts.get(self._part) or self._wait_for_progress()
        began_at = time.monotonic()
        act()
        return time.monotonic() - began_at

    def _calculate_over_http(self) -> None:
        """Send a command by a client of its own: the load has several, whose answers may come together.

        Raises TookTooLong when it is not acknowledged: the API waited for another writer, or it has not answered.
        """
        with suppress(httpx.TransportError):
            if self._trial.post(self._api, self._trial.next_command()).is_success:
                return
        raise TookTooLong(Message("awaited.progress", part=self._part))

    def _wait_for_progress(self) -> Callable[[], None]:
        """Wait until a component has just stored something, which the load asks of it all the time; return how to wait again."""
        measure = find_measure(self._trial, self._part)

        def wait_for_next() -> None:
            stored = measure()
            until(lambda: measure() != stored, ANSWERS_WITHIN_S, Message("awaited.progress", part=self._part), 0.01)

        wait_for_next()
        return wait_for_next


def make_progress(trial: Trial, part: str) -> Progress:
    return Progress(trial, part, find_measure(trial, part))


def confirm_no_commit(trial: Trial) -> None:
    """Confirm that nothing is committed for a while, although commands are sent all the time."""
    state = {"committed": -1}
    began = [time.monotonic()]

    def stands_still() -> bool:
        committed = _count_committed(trial)
        if committed != state["committed"]:
            state["committed"] = committed
            began[0] = time.monotonic()
        return time.monotonic() - began[0] > STANDS_STILL_S

    trial.confirm(Message("confirm.no_commit", s=STANDS_STILL_S), stands_still)


def find_measure(trial: Trial, part: str) -> Callable[[], int]:
    """Return what counts how much a component has stored."""
    measures: dict[str, Callable[[], int]] = {
        "audit": lambda: trial.settings.audit_file.stat().st_size,
        "observer": lambda: _count_observed(trial),
        "notifications": lambda: _count_notified(trial),
        "api": lambda: _count_over_http(trial),
    }
    return measures[get_base_name(part)]


def _count_committed(trial: Trial) -> int:
    with trial.application.reading() as connection:
        return queries.outbox_head(connection)


def _count_notified(trial: Trial) -> int:
    with trial.application.reading() as connection:
        return notification_queries.notification_head(connection)


def _count_observed(trial: Trial) -> int:
    store = ObserverStore(trial.settings.observer_store)
    try:
        return store.read_last_n()
    finally:
        store.close()


def _count_over_http(trial: Trial) -> int:
    return sum(
        1
        for operation in trial.operations.list_recorded()
        if operation.client == OverHttp.name and operation.outcome == "acknowledged"
    )
