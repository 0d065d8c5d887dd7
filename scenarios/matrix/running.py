"""Run cells of the matrix one after the other in this process, each as a run of its own, and summarize them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from db.engine import connect
from scenarios import end_to_end, journal, process
from scenarios.matrix.cell import scenario_of
from scenarios.matrix.model import Cell
from scenarios.matrix.truth import Truth
from scenarios.model import Verdict
from scenarios.percentiles import percentiles
from settings import Settings
from stacks import edges, instance
from stacks.processes import free_port

RUNS = 3
"""How often a cell is run at most until it can be judged."""


@dataclass(frozen=True, slots=True)
class CellResult:
    edge: str
    fault: str
    verdict: Verdict
    confirmed: bool
    """Whether the fault was measured to be there."""
    truth_s: float | None
    """Seconds until the last source that can know of the fault said so; None: one never did, or there was no fault."""
    said_after_s: dict[str, float | None]
    """The same of each source."""
    false_alarms: int
    """Answers that called something down that was healthy, or anything unhealthy before the fault."""
    recovery_s: float | None
    duration_s: float
    reason: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Summary:
    ok: bool
    stack: str
    seed: int
    cells: list[CellResult]
    truth_p95_s: float | None
    false_alarms: int


@contextmanager
def instance_with_proxies(stack: str, say: instance.Say) -> Iterator[Settings]:
    """Yield the settings of a private instance with a proxy on each edge, as a client from outside sees it."""
    names = [edge.name for edge in edges.edges_of(instance.find(stack))]
    ports = {name: free_port() for name in names}
    with end_to_end.running(stack, say, private=True, edge_ports=ports) as settings:
        yield edges.seen_by_client(settings)


def run_cells(
    settings: Settings, cells: Sequence[Cell], seed: int, on_cell: Callable[[CellResult], None]
) -> list[CellResult]:
    """Run the cells; `on_cell` is called with each result. Raises AnotherRuns, and Stopped after SIGINT or SIGTERM.

    A cell that cannot be judged, because the machine stood still for example, is run again, up to RUNS times.
    """
    results: list[CellResult] = []
    with journal.scenario_lock(settings, patience_s=1.0):
        for number, cell in enumerate(cells):
            for _ in range(RUNS):
                result = _run_cell(settings, cell, seed + number)
                if result.verdict != "INCONCLUSIVE":
                    break
            results.append(result)
            on_cell(result)
    return results


def summarize(stack: str, seed: int, cells: list[CellResult]) -> Summary:
    times = [cell.truth_s for cell in cells if cell.truth_s is not None]
    return Summary(
        ok=bool(cells) and all(cell.verdict == "PASS" and cell.confirmed for cell in cells),
        stack=stack,
        seed=seed,
        cells=cells,
        truth_p95_s=percentiles(times)["p95"] if times else None,
        false_alarms=sum(cell.false_alarms for cell in cells),
    )


def _run_cell(settings: Settings, cell: Cell, seed: int) -> CellResult:
    run_id = str(uuid.uuid4())
    truths: dict[str, Truth] = {}
    scenario = scenario_of(cell, truths)
    engine = connect(settings.database_url, pool_size=1)
    log = journal.Journal(settings, engine, run_id)
    try:
        log.begin(scenario.name, settings.stack, seed)
        result = process.run_scenario(settings, scenario, run_id, seed, log)
        log.end("stopped" if result is None else "finished", result)
    finally:
        log.close()
        engine.dispose()
    if result is None:
        raise KeyboardInterrupt
    truth = truths.get("truth")
    return CellResult(
        edge=cell.edge,
        fault=cell.fault,
        verdict=result.verdict,
        confirmed=result.fault_confirmed,
        truth_s=None if truth is None else truth.truth_s,
        said_after_s={} if truth is None else dict(truth.said_after_s),
        false_alarms=0 if truth is None else len(truth.false_alarms),
        recovery_s=result.recovery_s,
        duration_s=result.duration_s,
        reason=result.reason,
        run_id=run_id,
    )
