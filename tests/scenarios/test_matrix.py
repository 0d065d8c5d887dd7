"""Cells of the matrix pass: each day other ones on the embedded stack, all of them on both kinds of stack with `--all`."""

from __future__ import annotations

import datetime
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from application import leases
from scenarios.matrix import running
from scenarios.matrix.model import Cell, cells_of, choose
from scenarios.matrix.probe import Probe
from scenarios.waiting import until
from settings import Settings
from settings.model import REPOSITORY
from stacks import syscalls
from stacks.edges import edges_of
from tests.conftest import require_native

SAMPLE = {"embedded": 2, "native": 2}
TODAY = datetime.datetime.now(datetime.UTC).date().toordinal()


@pytest.fixture(scope="module")
def embedded_with_proxies() -> Iterator[Settings]:
    with running.instance_with_proxies("embedded", print) as settings:
        yield settings


@pytest.fixture(scope="module")
def native_with_proxies(missing: Callable[[str, str], None]) -> Iterator[Settings]:
    require_native(missing)
    with running.instance_with_proxies("native", print) as settings:
        yield settings


def _cells(settings: Settings) -> list[Cell]:
    """The cells that this machine can cause: those that need strace are INCONCLUSIVE without it."""
    return [cell for cell in cells_of(settings) if syscalls.is_available() or not cell.needs_strace]


def _run(settings: Settings, cells: list[Cell]) -> None:
    results = running.run_cells(settings, cells, TODAY, print)
    assert running.summarize(settings.stack, TODAY, results).ok, [cell for cell in results if cell.verdict != "PASS"]


def _sample(settings: Settings) -> list[Cell]:
    return choose(_cells(settings), None, None, SAMPLE[settings.stack], random.Random(TODAY))


def test_todays_cells_pass_on_the_embedded_stack(embedded_with_proxies: Settings) -> None:
    _run(embedded_with_proxies, _sample(embedded_with_proxies))


@pytest.mark.breadth  # the start of its private stack takes longer than the cells
@pytest.mark.native
def test_todays_cells_pass_on_the_native_stack(native_with_proxies: Settings) -> None:
    _run(native_with_proxies, _sample(native_with_proxies))


@pytest.mark.breadth
@pytest.mark.timeout(1800)
def test_all_cells_pass_on_the_embedded_stack(embedded_with_proxies: Settings) -> None:
    _run(embedded_with_proxies, _cells(embedded_with_proxies))


@pytest.mark.breadth
@pytest.mark.native
@pytest.mark.timeout(1800)
def test_all_cells_pass_on_the_native_stack(native_with_proxies: Settings) -> None:
    _run(native_with_proxies, _cells(native_with_proxies))


BREAKS = """
import sys
from settings import load
from stacks import faults
from stacks.proxy.network import Network
faults.break_edge(load(), "client-api", Network("black-hole"), 2.0)
print("broken", flush=True)
sys.stdin.read()
"""


def test_a_network_fault_ends_when_its_lease_expires_although_its_requester_was_killed(
    embedded_with_proxies: Settings,
) -> None:
    settings = embedded_with_proxies
    (edge,) = (edge for edge in edges_of(settings) if edge.name == "client-api")

    def answers() -> bool:
        try:
            with Probe(edge, settings.bind, settings.edge_ports[edge.name], within_s=0.3):
                return True
        except OSError:
            return False

    assert answers()
    requester = subprocess.Popen(
        [sys.executable, "-c", BREAKS],
        cwd=REPOSITORY,
        env={"ALPES_HOME": str(settings.home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert requester.stdout is not None
    assert requester.stdout.readline() == b"broken\n"
    requester.send_signal(signal.SIGKILL)
    requester.wait()
    (lease,) = leases.active(settings)
    until(lambda: not answers(), 1.5, "the fault")
    until(lambda: time.time() > lease.expires_at, 10, "the lease's end")
    until(answers, 10, "the edge works again")
