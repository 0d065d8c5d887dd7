"""A running stack as one object: send commands, read, inject faults, measure."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import pandas as pd

from application import Application, leases
from application.components import worker_names
from bench.latency import measure_paths
from connectors.broker import Broker, Publisher
from connectors.envelope import Decoded, decode
from db.hops import HOPS
from domain.commands import ApproveCommission, CalculateCommission, Command, CommissionResult
from lab.reading import Reading
from scenarios import load, reconciliation, replay, runner
from scenarios.model import Result
from scenarios.waiting import until
from settings import Settings
from stacks import dead_letters, faults, instance
from stacks.restarting import restart_component


class Lab(Reading):
    """A stack, returned by `lab.stacks.running`.

    Reads return DataFrames (see `Reading`), newest last; times are UTC or milliseconds.
    """

    def __init__(self, settings: Settings, undo: ExitStack, asked_workers: int | None = None) -> None:
        self.settings = settings
        self.asked_workers = asked_workers
        self.open = True
        self._undo = undo
        self.application = undo.enter_context(Application(settings, pool_size=8))

    # Properties.

    @property
    def stack(self) -> str:
        return self.settings.stack

    @property
    def workers(self) -> list[str]:
        """Names of the notifications workers."""
        return worker_names(self.settings)

    @property
    def versions(self) -> dict[str, str]:
        """Names and versions of database, capture and broker."""
        return instance.versions(self.settings)

    def __repr__(self) -> str:
        return f"Lab({self.stack}: {' → '.join(self.versions.values())}; {len(self.workers)} worker(s))"

    # Sending.

    def send(self, command: Command) -> CommissionResult:
        """Run a command in a transaction of its own. Raises domain.errors.Refusal or db.errors.DatabaseUnavailable."""
        return self.application.send(command)

    def calculate(self, gross: Decimal | str = "120.50", currency: str = "USD", **more: Any) -> CommissionResult:
        """Calculate the commission of a new conversion; `more` are fields of CalculateCommission."""
        return self.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", gross, currency, **more))

    def approve(self, commission_id: str) -> CommissionResult:
        return self.send(ApproveCommission(commission_id))

    def burst(self, commissions: int, seed: int = 1) -> str:
        """Calculate and approve commissions as fast as one client can; return the correlation id of their events."""
        correlation_id = str(uuid.uuid4())
        stream = load.CommandStream(seed, correlation_id)
        for _ in range(commissions):
            result = self.send(next(stream))
            self.send(ApproveCommission(result.commission_id, correlation_id))
        return correlation_id

    def publish(self, value: bytes, key: str | None = None, times: int = 1) -> None:
        """Publish a message on the events topic without the outbox, as a foreign program or a redelivery would."""
        publisher = Publisher(Broker(self.settings), self.settings.topics.events)
        try:
            for _ in range(times):
                publisher.send(value, key)
        finally:
            publisher.close()

    # Waiting.

    def arrived(self, event_ids: Iterable[str], deadline_s: float = 60) -> None:
        """Wait until these events are observed, notified, audited and timed. Raises TookTooLong."""
        ids = list(event_ids)
        until(lambda: self._are_complete(ids), deadline_s, f"{len(ids)} events observed, notified and audited")

    def settled(self, correlation_id: str, deadline_s: float = 120) -> reconciliation.Reconciliation:
        """Wait until the four sources agree about a correlation id, and return their comparison. Raises TookTooLong."""
        until(lambda: self.reconcile(correlation_id).complete, deadline_s, "the four sources agree", 0.2)
        return self.reconcile(correlation_id)

    def _are_complete(self, event_ids: Sequence[str]) -> bool:
        timed = all(set(HOPS) <= set(hops) for hops in self.hop_times(event_ids).values())
        return timed and self.everywhere(event_ids)

    # Injecting faults.

    def kill(self, part: str, hold_s: float = 0.0) -> faults.Lease:
        """Kill `broker`, `capture`, `worker` or any component with SIGKILL, and keep it down for `hold_s` seconds."""
        return faults.kill(self.settings, self._component_name(part), hold_s)

    def restart(self, part: str) -> None:
        """Stop a component with SIGTERM and start it again; `capture` is the relay or Debezium's source."""
        restart_component(self.settings, self._component_name(part))

    def slow(self, delay_ms: float, longest_s: float = 60) -> None:
        """Make every worker take `delay_ms` longer for each event, until `mend`, or for `longest_s` at most."""
        for part in self.workers:
            faults.slow(self.settings, part, delay_ms, longest_s)

    def fail(self, commission_id: str, longest_s: float = 60) -> None:
        """Make every worker fail on this commission's events, until `mend`, or for `longest_s` at most."""
        for part in self.workers:
            faults.fail(self.settings, part, commission_id, longest_s)

    def mend(self) -> None:
        """End the faults of `slow`, `fail` and `kill`."""
        for lease in leases.active(self.settings):
            leases.release(self.settings, lease.part, lease.fault)

    def requeue(self, seqs: Iterable[int]) -> None:
        """Requeue dead letters. Raises LookupError, BrokerUnavailable or DatabaseUnavailable."""
        dead_letters.requeue(self.settings, [int(seq) for seq in seqs])

    def _component_name(self, name: str) -> str:
        return {"capture": self.settings.facts.capture.component, "worker": self.workers[0]}.get(name, name)

    # Judging and measuring.

    def scenario(self, name: str, seed: int = 1) -> Result:
        """Run a scenario to its verdict. Raises what `scenarios.runner.run` raises."""
        return runner.run(self.settings, name, seed)

    def reconcile(self, correlation_id: str | None = None) -> reconciliation.Reconciliation:
        """Compare the four sources (committed, published, notified, audited) by event id."""
        return reconciliation.reconcile(self.application, self.settings, correlation_id)

    def replay(self) -> replay.Replayed:
        """Replay every event from the beginning through the same inbox."""
        return replay.replay(self.settings)

    def latency(self, n: int = 200) -> pd.DataFrame:
        """Send `n` commands, 10 ms apart, after a warm-up. Return a row for each: the ms of each hop, and `end_to_end`."""
        return pd.DataFrame(measure_paths(self.settings, n))

    # Decoding.

    def envelope(self, event_id: str) -> dict[str, Any]:
        """Return the envelope of the first message that carried the event."""
        document: dict[str, Any] = json.loads(self.message(event_id).value)
        return document

    @staticmethod
    def decode(value: bytes) -> Decoded:
        """Decode a message as a worker does: Inserted, Skipped or Unreadable. Never raises."""
        return decode(value)

    # Closing.

    def close(self) -> None:
        """End all faults and disconnect. A private stack is stopped and removed."""
        if self.open:
            self.open = False
            self.mend()
            self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
