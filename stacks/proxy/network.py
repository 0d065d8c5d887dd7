"""Define the network faults that a proxy can cause, and read from an edge's lease which one it causes now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from application import leases
from settings import Settings

Kind = Literal["latency", "black-hole", "reset", "half-open", "bandwidth"]
KINDS: tuple[Kind, ...] = ("latency", "black-hole", "reset", "half-open", "bandwidth")


@dataclass(frozen=True, slots=True)
class Network:
    """A fault of one edge.

    latency: each chunk of bytes arrives `latency_s` later, and up to `jitter_s` more, in both directions.
    black-hole: no byte passes in either direction, and no connection ends; what was sent arrives when the fault ends.
    reset: every connection is reset, and each new one too.
    half-open: the server's side of every connection is closed, and the client does not learn of it: what it sends is lost. After
    the fault its connections are reset. A new connection waits, as in a black hole.
    bandwidth: at most `bytes_per_s` pass in each direction, over all connections of the edge together.
    """

    kind: Kind
    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: int = 0

    def to_parameters(self) -> dict[str, Any]:
        return asdict(self)


def from_parameters(parameters: Mapping[str, Any]) -> Network | None:
    """Return the fault of a lease's parameters, None when they name none."""
    try:
        fault = Network(**parameters)
    except TypeError:
        return None
    return fault if fault.kind in KINDS else None


def read_fault(settings: Settings, edge: str) -> Network | None:
    """Return the fault of an edge now, None without a lease."""
    lease = leases.read(settings, edge, "network")
    return None if lease is None else from_parameters(lease.parameters)
