"""Say what is true of each stack: its capture, its database and broker, and who runs what.

Code that needs to know asks for a fact, `settings.facts`, and not for the stack's name. What a stack does differently is in
`stacks.stack`, what its capture does differently in `stacks.capture`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Stack = Literal["embedded", "native", "compose", "external"]


class DatabaseKind(Enum):
    SQLITE = "SQLite"
    """A file, which lives in every process that opens it."""
    MYSQL = "MySQL"


class BrokerKind(Enum):
    PULSAR_LITE = "pulsar-lite"
    PULSAR = "Pulsar"


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    name: str
    component: str
    """Its name in `./alpes status`: `source` for one inside the broker, which page and scenarios treat as no process."""
    is_process: bool = False
    """Whether it is a process of ours, with a heartbeat, that is held and killed like one. A source runs inside the broker."""
    is_woken: bool = False
    """Whether it listens to the wake-up signal."""
    parks_rows: bool = False
    """Whether it parks outbox rows that cannot be published. Debezium publishes every row."""
    has_checkpoint: bool = False
    """Whether its position is a row of the database, and so a part of every back-up."""
    has_connector: bool = False
    """Whether it runs the connector of the version `settings.nar`, as a source with an administration of its own."""


RELAY = CaptureFacts("relay", "relay", is_process=True, is_woken=True, parks_rows=True, has_checkpoint=True)
DEBEZIUM = CaptureFacts("debezium", "source", has_connector=True)


@dataclass(frozen=True, slots=True)
class StackFacts:
    name: Stack
    capture: CaptureFacts
    database: DatabaseKind
    broker: BrokerKind
    servers_are_ours: bool = True
    """Whether this program starts database and broker, and may break and empty them."""
    home_holds_data: bool = False
    """Whether the data are files of the home. Otherwise the home may be made by those who run the components."""
    is_supervised: bool = False
    """Whether our supervisor alone starts components again. Otherwise Docker or the operator does."""
    in_containers: bool = False
    """Whether the components are containers, controlled through Docker, with process numbers of their own."""
    run_folder_is_shared: bool = False
    """Whether several containers or hosts may share the run folder."""
    shares_subscription: bool = True
    """Whether several notifications workers can share the subscription."""
    can_be_secure: bool = False
    """Whether it can start with TLS, tokens and roles (`secure`)."""
    can_be_cluster: bool = False
    """Whether its broker can be a cluster (`cluster`), which also says how many workers and partitions there are."""
    broker_is_guarded: bool = False
    """Whether its broker, also without `secure`, refuses admin requests without a token, has roles, and has the source's
    passwords in its environment, so that the source's configuration only names them."""
    source_is_replaced_by_hand: bool = False
    """Whether its users delete and create the source themselves, and need the time of two starts of a JVM for it."""


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
            servers_are_ours=False,
            run_folder_is_shared=True,
        ),
    )
}
"""Name → facts, in the order in which a command without `--stack` looks for a running instance."""

DEFAULT = STACKS["embedded"]
"""The stack of a command without `--stack` when no instance runs: there is nothing to install."""
