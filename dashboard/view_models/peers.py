"""Read what `./alpes bench peers --page` measured last: ways to publish, side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parent.parent / "assets" / "peers.json"


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    p50_ms: float
    p99_ms: float
    lone_p50_ms: float
    """Of events with more than a second of silence before each."""
    commits_per_s: float
    cpu_ms: float
    """Processor time of all processes for each event, in milliseconds."""
    statements: float
    """Sent to the database for each event."""
    idle_statements_per_s: float
    recovers_s: float | None
    """Seconds from the broker's answer after its SIGKILL to the first new event; None: there was none."""
    committed: int
    """While the broker was killed."""
    lost: int
    duplicates: int
    reordered: int


@dataclass(frozen=True, slots=True)
class Measured:
    day: str
    machine: str
    command: str
    database: str
    broker: str
    peers: tuple[Peer, ...]


def read(path: Path = FIGURES) -> Measured | None:
    """Return the figures; None when there is no such file, or one of another form."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        peers = tuple(Peer(**{field.name: row[field.name] for field in fields(Peer)}) for row in values.pop("peers"))
        return Measured(**{name: str(value) for name, value in values.items()}, peers=peers)
    except (OSError, ValueError, KeyError, TypeError):
        return None
