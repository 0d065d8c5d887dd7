"""List the cells of the matrix: which fault is caused where, how strong it is, and who must say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from application.components import find_component, select_names, worker_names
from settings import Settings
from settings.stack_facts import DatabaseKind
from stacks.edges import CLIENT, Edge, edges_of
from stacks.proxy.network import KINDS, Kind, Network

STATUS, PAGE, API, METRICS = "status", "page", "api", "metrics"
SOURCES = (STATUS, PAGE, API, METRICS)
PAUSE, FULL, SLOW_FSYNC = "pause", "full", "slow-fsync"
FSYNC_DELAY_S = 2.0
"""As long as the time after which an event is late, or a command; `cell` adds a margin. A commit of MySQL may flush thrice."""
LOCKING_FSYNC_DELAY_S = 3.0
"""Of a process that flushes a database's file, to which the others cannot commit meanwhile: more than a command may take."""
SPACE_IS_SEEN_WITHIN_S = 120.0
"""MySQL looks for space on its disk once a minute; what waited for it, and was given up, must then be done again."""
LATENCY_S = {"client-api": 3.6, "api-database": 0.6, "worker-database": 0.8}
"""Longer, also without the jitter, than a client waits for an answer, one that was asked for before the fault too; shorter where one command or event needs several round trips."""
STREAMED_LATENCY_S = 2.0
"""Where events are streamed, each of them is late by it."""
BYTES_PER_S = 1000
"""Less than the light load needs."""
NARROW_BYTES_PER_S = {"client-api": 100, "client-broker": 30, "commands-broker": 150}
"""On an edge where the client only asks whether a server answers: too little for an answer within its deadline.
On an edge with few messages: too little for one message within the time after which it counts as late.
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault of one edge or component."""

    edge: str
    """Name of the edge, or of the component."""
    fault: str
    unhealthy_part: str
    """The component that must be called unhealthy."""
    sources: tuple[str, ...]
    """Who must say so: those that can know it."""
    network: Network | None = None
    """The fault of an edge; None for a component."""
    delay_s: float = 0.0
    """How much longer each flush to the disk takes."""
    healthy_within_s: float = 30.0
    """How soon after the fault everything must be healthy again."""
    inside: frozenset[str] = frozenset()
    """Components that run inside the broken component's process, so that they too are down with it."""

    @property
    def needs_strace(self) -> bool:
        return self.fault == SLOW_FSYNC or (self.fault == FULL and find_component(self.edge).is_server)


def cells_of(settings: Settings) -> list[Cell]:
    """Return all cells of this stack: edges first, in the order of lists."""
    of_edges = [_cell_of_edge(edge, kind) for edge in edges_of(settings) for kind in KINDS]
    return of_edges + _cells_of_components(settings)


def choose(cells: Sequence[Cell], edge: str | None, fault: str | None, sample: int | None, rng: Random) -> list[Cell]:
    """Return the cells that were asked for, in the order of lists. Raises LookupError when there are none."""
    chosen = [cell for cell in cells if edge in (None, cell.edge) and fault in (None, cell.fault)]
    if not chosen:
        edges, faults = (sorted({getattr(cell, name) for cell in cells}) for name in ("edge", "fault"))
        raise LookupError(f"no such cell; edges are {', '.join(edges)}, faults {', '.join(faults)}")
    if sample is not None and sample < len(chosen):
        numbers = set(rng.sample(range(len(chosen)), sample))
        return [cell for number, cell in enumerate(chosen) if number in numbers]
    return chosen


def _cell_of_edge(edge: Edge, kind: Kind) -> Cell:
    network = Network(kind)
    if kind == "latency":
        latency_s = LATENCY_S.get(edge.name, STREAMED_LATENCY_S)
        network = Network(kind, latency_s=latency_s, jitter_s=latency_s / 5)
    elif kind == "bandwidth":
        network = Network(kind, bytes_per_s=NARROW_BYTES_PER_S.get(edge.name, BYTES_PER_S))
    unhealthy_part = edge.server if edge.client == CLIENT else edge.client
    return Cell(edge.name, kind, unhealthy_part, _sources_of_edge(edge), network)


def _sources_of_edge(edge: Edge) -> tuple[str, ...]:
    if edge.client == CLIENT and edge.server != "api":
        return (STATUS, PAGE)  # API and metrics are on the other side, and do not know this client's connection
    if "api" in (edge.client, edge.server):
        return SOURCES
    return (STATUS, PAGE, METRICS)


def _cells_of_components(settings: Settings) -> list[Cell]:
    pausable = select_names(settings, lambda component: component.is_killed_by_chaos and not component.is_connector)
    if settings.facts.database is not DatabaseKind.MYSQL:
        pausable.remove("database")  # a file has no process
    cells = [
        Cell(part, PAUSE, part, _sources_of_component(part), inside=_components_inside(settings, part))
        for part in pausable
    ]
    writers = ["observer", "audit"]
    if settings.facts.database is not DatabaseKind.MYSQL:
        writers += [worker_names(settings)[0], "api"]  # they write the database's file themselves
    cells += [
        Cell(part, FULL, part, (STATUS, PAGE, API) if part == "api" else _sources_of_component(part))
        for part in writers
    ]
    if settings.facts.database is DatabaseKind.MYSQL:
        cells.append(Cell("database", FULL, "api", (STATUS, PAGE, API), healthy_within_s=SPACE_IS_SEEN_WITHIN_S))
    return cells + _cells_of_slow_disks(settings)


def _cells_of_slow_disks(settings: Settings) -> list[Cell]:
    """Return those of components that flush what they store. The component that waits for the flush must be called unhealthy."""
    unhealthy_by_slow = {"observer": "observer"}
    if settings.facts.database is DatabaseKind.MYSQL:
        unhealthy_by_slow |= {"database": "api", "broker": settings.facts.capture.component}
    else:
        unhealthy_by_slow |= {
            "api": "api"
        }  # not others: while they flush the file, relay and workers are late in turns
    return [
        Cell(
            slow,
            SLOW_FSYNC,
            unhealthy_part,
            (STATUS, PAGE, API) if unhealthy_part == "api" else (STATUS, PAGE, METRICS),
            delay_s=LOCKING_FSYNC_DELAY_S if slow == "api" else FSYNC_DELAY_S,
        )
        for slow, unhealthy_part in unhealthy_by_slow.items()
    ]


def _components_inside(settings: Settings, part: str) -> frozenset[str]:
    capture = settings.facts.capture.component
    is_inside = find_component(part).runs_connectors and find_component(capture).is_connector
    return frozenset({capture} if is_inside else ())


def _sources_of_component(part: str) -> tuple[str, ...]:
    if part in ("api", "database"):
        return SOURCES
    return (STATUS, PAGE, METRICS) if find_component(part).has_heartbeat else (STATUS, PAGE)
