"""A running stack as an object: send, read, break, measure."""

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
from bench.latency import ways
from connectors.broker import Broker, Publisher
from connectors.envelope import Decoded, decode
from db.hops import HOPS
from domain.commands import ApproveCommission, CalculateCommission, Command, CommissionResult
from lab.reading import Reading
from scenarios import load, reconciliation, replay, runner
from scenarios.model import Result
from scenarios.waiting import until
from settings import Settings
from stacks import dead_letters, faults, instance, source_control
from stacks.python_parts import worker_names


class Lab(Reading):
    """What `lab.stacks.running` gives. Reads are DataFrames (see `Reading`), newest last; times are UTC or milliseconds."""

    def __init__(self, settings: Settings, undo: ExitStack, asked_workers: int | None = None) -> None:
        self.settings = settings
        self.asked_workers = asked_workers
        self.open = True
        self._undo = undo
        self.application = undo.enter_context(Application(settings, pool_size=8))

    # What it is.

    @property
    def stack(self) -> str:
        return self.settings.stack

    @property
    def workers(self) -> list[str]:
        """Names of the notifications workers."""
        return worker_names(self.settings)

    @property
    def versions(self) -> dict[str, str]:
        """The real parts: database, capture, broker."""
        return instance.versions(self.settings)

    def __repr__(self) -> str:
        return f"Lab({self.stack}: {' → '.join(self.versions.values())}; {len(self.workers)} worker(s))"

    # Sending.

    def send(self, command: Command) -> CommissionResult:
        """Run a command in a transaction of its own. Raises domain.errors.Refusal or db.errors.DatabaseUnavailable."""
        return self.application.send(command)

    def calculate(self, gross: Decimal | str = "120.50", currency: str = "USD", **more: Any) -> CommissionResult:
        """Calculate the commission of a conversion never seen before; `more` are fields of CalculateCommission."""
        return self.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", gross, currency, **more))

    def approve(self, commission_id: str) -> CommissionResult:
        return self.send(ApproveCommission(commission_id))

    def burst(self, commissions: int, seed: int = 1) -> str:
        """Calculate and approve so many, as fast as one client can; the correlation id of all their events."""
        correlation_id = str(uuid.uuid4())
        stream = load.command_stream(seed, correlation_id)
        for _ in range(commissions):
            result = self.send(next(stream))
            self.send(ApproveCommission(result.commission_id, correlation_id))
        return correlation_id

    def publish(self, value: bytes, key: str | None = None, times: int = 1) -> None:
        """Put a message on the events topic, past the outbox: what a stranger or a second delivery would bring."""
        publisher = Publisher(Broker(self.settings), self.settings.topics.events)
        try:
            for _ in range(times):
                publisher.send(value, key)
        finally:
            publisher.close()

    # Waiting.

    def arrived(self, event_ids: Iterable[str], deadline_s: float = 60) -> None:
        """Until these events are observed, notified of, audited and timed. Raises TookTooLong."""
        wanted = list(event_ids)
        until(lambda: self._all_there(wanted), deadline_s, f"{len(wanted)} events at their end")

    def settled(self, correlation_id: str, deadline_s: float = 120) -> reconciliation.Reconciliation:
        """Until the four sources agree about a correlation id; what they say. Raises TookTooLong."""
        until(lambda: self.reconcile(correlation_id).complete, deadline_s, "the four sources agree", 0.2)
        return self.reconcile(correlation_id)

    def _all_there(self, event_ids: Sequence[str]) -> bool:
        timed = all(set(HOPS) <= set(hops) for hops in self.hop_times(event_ids).values())
        return timed and self.everywhere(event_ids)

    # Breaking.

    def kill(self, part: str, hold_s: float = 0.0) -> faults.Lease:
        """SIGKILL `broker`, `capture`, `worker` or any part by its name, and keep it down for so long."""
        return faults.kill(self.settings, self._part(part), hold_s)

    def restart(self, part: str) -> None:
        """Stop a part politely and start it again; `capture` is the relay or Debezium's source."""
        if self._part(part) == "source":
            source_control.act(self.settings, "restart")
        else:
            faults.restart(self.settings, self._part(part))

    def slow(self, delay_ms: float, longest_s: float = 60) -> None:
        """Make every worker take so much longer for each event, until `mend` or for so long at most."""
        for part in self.workers:
            faults.slow(self.settings, part, delay_ms, longest_s)

    def fail(self, commission_id: str, longest_s: float = 60) -> None:
        """Make every worker fail for this commission's events, until `mend` or for so long at most."""
        for part in self.workers:
            faults.fail(self.settings, part, commission_id, longest_s)

    def mend(self) -> None:
        """End what `slow`, `fail` and `kill` began."""
        for lease in leases.active(self.settings):
            leases.release(self.settings, lease.part, lease.fault)

    def requeue(self, seqs: Iterable[int]) -> None:
        """Send dead letters again. Raises LookupError, BrokerUnavailable or DatabaseUnavailable."""
        dead_letters.requeue(self.settings, [int(seq) for seq in seqs])

    def _part(self, name: str) -> str:
        capture = "relay" if self.stack == "embedded" else "source"
        return {"capture": capture, "worker": self.workers[0]}.get(name, name)

    # Judging and measuring.

    def scenario(self, name: str, seed: int = 1) -> Result:
        """Run a quality scenario to its verdict. Raises what `scenarios.runner.run` raises."""
        return runner.run(self.settings, name, seed)

    def reconcile(self, correlation_id: str | None = None) -> reconciliation.Reconciliation:
        """Committed, published, notified, audited: counted from four sources, by event id."""
        return reconciliation.reconcile(self.application, self.settings, correlation_id)

    def replay(self) -> replay.Replayed:
        """Read every event again from the beginning, through the same inbox."""
        return replay.replay(self.settings)

    def latency(self, n: int = 200) -> pd.DataFrame:
        """Milliseconds from hop to hop of `n` commands sent 10 ms apart after a warm-up, one row each, and `end_to_end`."""
        return pd.DataFrame(ways(self.settings, n))

    # Decoding.

    def envelope(self, event_id: str) -> dict[str, Any]:
        """The change-data-capture envelope as it stood in the first message that carried the event."""
        found: dict[str, Any] = json.loads(self.message(event_id).value)
        return found

    @staticmethod
    def decode(value: bytes) -> Decoded:
        """What a worker makes of a message: Inserted, Skipped or Unreadable; never raises."""
        return decode(value)

    # Closing.

    def close(self) -> None:
        """Mend what is broken, let go of the stack, and stop and remove it where it is a private one."""
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
