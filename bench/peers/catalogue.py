"""List the ways to publish that are compared, and start each on a private native instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.peers.polling import polling
from bench.peers.stock import remove_source, stock_source
from settings import Settings
from settings.model import SEED_NAR
from settings.stack_facts import DEBEZIUM, DEBEZIUM_SERVER, STACKS, CaptureFacts, MysqlVersion
from stacks.choices import can_read

STACK = "native"


@contextmanager
def _as_started(_settings: Settings) -> Iterator[dict[str, int]]:
    yield {}


@contextmanager
def _poller(settings: Settings) -> Iterator[dict[str, int]]:
    remove_source(settings)
    with polling(settings) as processes:
        yield processes


@contextmanager
def _no_publisher(settings: Settings) -> Iterator[dict[str, int]]:
    remove_source(settings)
    yield {}


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    description: str
    start: Callable[[Settings], AbstractContextManager[dict[str, int]]]
    """Starts what publishes on an instance that runs, and yields the ids of its processes beside the instance's own."""
    capture: CaptureFacts | None = None
    """What reads the binlog; None where nothing does."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Settings of the instance."""
    has_outbox: bool = True
    """Whether the writers write outbox rows. Otherwise they publish by themselves."""


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            "stock",
            "Debezium in Pulsar IO, the original description's connector and settings",
            stock_source,
            DEBEZIUM,
            {"capture": DEBEZIUM.name, "nar": SEED_NAR},
        ),
        Peer("debezium", "Debezium in Pulsar IO, tuned", _as_started, DEBEZIUM, {"capture": DEBEZIUM.name}),
        Peer(
            "debezium-server",
            "Debezium Server, tuned",
            _as_started,
            DEBEZIUM_SERVER,
            {"capture": DEBEZIUM_SERVER.name},
        ),
        Peer(
            "polling", "a publisher that polls the outbox with SKIP LOCKED", _poller, None, {"capture": DEBEZIUM.name}
        ),
        Peer(
            "dual-write",
            "no outbox: commit, then publish",
            _no_publisher,
            None,
            {"capture": DEBEZIUM.name},
            has_outbox=False,
        ),
    )
}
"""Name → peer, in the order in which they are measured."""


def choose_mysql() -> MysqlVersion:
    """Return the version of MySQL that serves the most peers, the first of equals; all are measured with this one."""
    readers = [peer.capture for peer in PEERS.values() if peer.capture is not None]
    versions = STACKS[STACK].mysql_versions
    return max(versions, key=lambda version: sum(can_read(reader, version) for reader in readers))
