"""Define what is true of each stack: its capture, its database and broker, and who starts them and the components.

Code asks for a fact in `settings.facts`, and not for the stack's name. What a stack does differently is in `stacks.stack`, and
what its capture does differently is in `stacks.capture`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

Stack = Literal["embedded", "native", "compose", "external"]
MysqlVersion = Literal["8.0", "9.7"]
CaptureName = Literal["", "relay", "debezium", "debezium-server"]
"""Empty: the capture that the stack has unless another is chosen."""


class DatabaseKind(Enum):
    SQLITE = "SQLite"
    """A file without a server: every process opens it itself."""
    MYSQL = "MySQL"


class BrokerKind(Enum):
    PULSAR_LITE = "pulsar-lite"
    PULSAR = "Pulsar"


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    name: str
    component: str
    """Its name in `./alpes status`. `source` is the one that runs inside the broker, so it is no process that can be killed."""
    product: str = ""
    """Name of the product that it is; empty for a component of ours."""
    is_process: bool = False
    """Whether it is a process of its own, which can be held and killed. A source runs inside the broker."""
    has_heartbeat: bool = False
    is_woken: bool = False
    """Whether it receives the wake-up signal."""
    parks_rows: bool = False
    """Whether it parks outbox rows that cannot be published. Debezium publishes every row."""
    has_checkpoint: bool = False
    """Whether its position is a row of the database, and so in every back-up. The source's offset is on a topic."""
    has_connector: bool = False
    """Whether it is a source, which runs the connector of the version `settings.nar` and is controlled by the admin REST."""
    reads_binlog: bool = False
    """Whether it reads MySQL's binlog: it has a schema history, takes snapshots, and says on a topic of its own how far it is."""
    mysql_before: tuple[int, int] = (0, 0)
    """The first version of MySQL whose binlog it cannot read."""
    can_be_secure: bool = True
    """Whether it can speak to database and broker with TLS and tokens."""


RELAY = CaptureFacts(
    "relay", "relay", is_process=True, has_heartbeat=True, is_woken=True, parks_rows=True, has_checkpoint=True
)
DEBEZIUM = CaptureFacts("debezium", "source", "Debezium", has_connector=True, reads_binlog=True, mysql_before=(8, 4))
DEBEZIUM_SERVER = CaptureFacts(
    "debezium-server",
    "debezium",
    "Debezium Server",
    is_process=True,
    reads_binlog=True,
    mysql_before=(10, 0),
    can_be_secure=False,
)


@dataclass(frozen=True, slots=True)
class StackFacts:
    name: Stack
    capture: CaptureFacts
    database: DatabaseKind
    broker: BrokerKind
    other_captures: tuple[CaptureFacts, ...] = ()
    """Captures that may be chosen in the place of `capture`."""
    mysql_versions: tuple[MysqlVersion, ...] = ()
    """Versions of MySQL that it can start; none where it starts none, or always the same."""
    servers_are_ours: bool = True
    """Whether this program starts database and broker, and may break and empty them."""
    home_holds_data: bool = False
    """Whether the data are files in the home. Otherwise Docker or the operator may create the home."""
    is_supervised: bool = False
    """Whether only `supervisord` starts components again. Otherwise Docker or the operator does."""
    in_containers: bool = False
    """Whether the components are containers: controlled through Docker, and with process ids that mean nothing outside."""
    run_folder_is_shared: bool = False
    """Whether several containers or hosts may share the run folder."""
    shares_subscription: bool = True
    """Whether several notifications workers can share the subscription."""
    can_be_secure: bool = False
    """Whether it can start with TLS, tokens and roles (`secure`)."""
    can_be_cluster: bool = False
    """Whether its broker can be a cluster (`cluster`). That setting also changes the number of workers and partitions."""
    broker_is_guarded: bool = False
    """Whether its broker, also without `secure`, refuses admin requests without a token, has roles, and has the source's
    passwords in its environment, so that the source's configuration only names them."""
    source_is_replaced_by_hand: bool = False
    """Whether users delete the source and create it again by commands. Each command starts a JVM, so the watcher gives them more time."""

    def find_capture(self, name: CaptureName) -> CaptureFacts | None:
        """Return the capture of this name, the stack's own for an empty name, and None for one that it cannot have."""
        if name in ("", self.capture.name):
            return self.capture
        return next((facts for facts in self.other_captures if facts.name == name), None)

    def with_capture(self, name: CaptureName) -> StackFacts:
        """Return the facts of the stack with the capture of this name; with its own where it cannot have that one."""
        capture = self.find_capture(name)
        return self if capture in (None, self.capture) else replace(self, capture=capture)


STACKS: dict[str, StackFacts] = {
    facts.name: facts
    for facts in (
        StackFacts(
            "embedded", RELAY, DatabaseKind.SQLITE, BrokerKind.PULSAR_LITE, home_holds_data=True, is_supervised=True
        ),
        StackFacts(
            "native",
            DEBEZIUM,
            DatabaseKind.MYSQL,
            BrokerKind.PULSAR,
            other_captures=(DEBEZIUM_SERVER,),
            mysql_versions=("8.0", "9.7"),
            home_holds_data=True,
            is_supervised=True,
            can_be_secure=True,
            broker_is_guarded=True,
        ),
        StackFacts(
            "compose",
            DEBEZIUM,
            DatabaseKind.MYSQL,
            BrokerKind.PULSAR,
            in_containers=True,
            run_folder_is_shared=True,
            shares_subscription=False,
            can_be_cluster=True,
            source_is_replaced_by_hand=True,
        ),
        StackFacts(
            "external",
            DEBEZIUM,
            DatabaseKind.MYSQL,
            BrokerKind.PULSAR,
            other_captures=(DEBEZIUM_SERVER,),
            servers_are_ours=False,
            run_folder_is_shared=True,
        ),
    )
}
"""Name → facts. A command without `--stack` looks for a running instance in this order."""

DEFAULT = STACKS["embedded"]
"""The stack of a command without `--stack` when no instance runs: it needs no installation."""
