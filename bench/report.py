"""Measure where the time goes on each stack, beside the bare parts of the same session, and write it as a section of a document."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import psutil

from bench.backlog import Backlog, measure_backlog
from bench.document import render_table
from bench.floor import Floor, measure_floor, running_broker
from bench.http import HttpReport, measure_http
from bench.latency import Latency, measure_latency
from bench.profile import Profile
from bench.throughput import Throughput, measure_throughput
from scenarios import end_to_end
from stacks import instance

SECTION = "path"
"""Its name in the document."""
WRITERS = 4
PROCESSES = 2
CONNECTIONS = (1, 8, 32)
BUDGET = 1.25
"""A hop may take this many times what the bare part of its kind takes on the same machine."""
LEAST_BUDGET_MS = 2.0
"""The clocks of capture and publishing count whole milliseconds."""
PART_OF_HOP = {
    "occurred→committed": "commit_p50_ms",
    "committed→captured": None,
    "captured→published": "publish_p50_ms",
    "published→received": "receive_p50_ms",
    "received→persisted": "commit_p50_ms",
}
"""Hop → the figure of the floor that it cannot beat; None: the bare path hands a row over at no cost."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is sent to a stack."""

    latency_commands: int
    storm_commands: int
    waiting_events: int


@dataclass(frozen=True, slots=True)
class StackReport:
    versions: dict[str, str]
    floor: Floor
    latency: Latency
    throughput: Throughput
    http: HttpReport
    backlog: Backlog


def measure_stack(stack: str, size: Size, say: Callable[[str], None]) -> StackReport:
    """Measure on private instances, some minutes long. Raises what the measurements raise."""
    say(f"{stack}: the bare parts")
    with running_broker(instance.find(stack), say) as with_broker:
        floor = measure_floor(with_broker)
    with end_to_end.running(stack, say, private=True) as settings:
        versions = instance.versions(settings)
        say(f"{stack}: the latency of {size.latency_commands} commands")
        latency = measure_latency(settings, size.latency_commands, versions, with_profile=True)
        say(f"{stack}: {size.storm_commands} commands as fast as possible")
        throughput = measure_throughput(settings, size.storm_commands, WRITERS, PROCESSES, with_profile=True)
        say(f"{stack}: the HTTP API")
        http = measure_http(settings, CONNECTIONS)
    with end_to_end.running(stack, say, private=True) as settings:
        say(f"{stack}: {size.waiting_events} events that wait")
        backlog = measure_backlog(settings, size.waiting_events, say)
    return StackReport(versions, floor, latency, throughput, http, backlog)


def describe_machine() -> str:
    memory_gib = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def render(reports: Sequence[StackReport], machine: str, day: date, command: str) -> str:
    """Return the section of the document, in Markdown."""
    lines = [
        "## The path of an event",
        "",
        f"Measured on {day.isoformat()} on one machine ({machine}), by `{command}`, which writes this section. Figures of two",
        "machines of the same description can differ by a factor of two: compare the ratios, and measure on yours.",
        "",
        "The floor is what database and broker take without this program, measured in the same session.",
        f"A hop's budget is {BUDGET} times the floor's part of its kind, and {LEAST_BUDGET_MS:g} ms at least. Some clocks count whole",
        "milliseconds, so a short hop between two clocks can be below zero.",
    ]
    for report in reports:
        lines += ["", *_render_stack(report)]
    return "\n".join(lines) + "\n"


def _render_stack(report: StackReport) -> Iterable[str]:
    floor, latency, throughput = report.floor, report.latency, report.throughput
    parts = ", ".join(f"{kind} {version}" for kind, version in report.versions.items())
    yield f"### {latency.stack}"
    yield ""
    yield f"{parts}."
    yield ""
    yield from render_table(
        ("", "measured", "floor", "ratio"),
        [
            ("latency p50 (ms)", latency.p50_ms, floor.path_p50_ms, _ratio(latency.p50_ms, floor.path_p50_ms)),
            ("latency p99 (ms)", latency.p99_ms, "", ""),
            (
                f"commands/s, {throughput.writers} threads of {throughput.processes} processes",
                throughput.commands_per_s,
                floor.commits_per_s,
                _ratio(throughput.commands_per_s, floor.commits_per_s),
            ),
            *(
                (
                    f"HTTP requests/s, {load.connections} connections (p50 {load.p50_ms:g}, p99 {load.p99_ms:g} ms)",
                    load.requests_per_s,
                    floor.commits_per_s,
                    _ratio(load.requests_per_s, floor.commits_per_s),
                )
                for load in report.http.loads
            ),
            ("notifications/s from a backlog", report.backlog.notifications_per_s, "", ""),
            ("drained after the last command (s)", throughput.drained_after_s, "", ""),
            ("lost, duplicates, out of order", _describe_outcome(throughput), "", ""),
        ],
    )
    yield ""
    yield from render_table(("hop (ms)", "p50", "p99", "budget of p50", ""), _hops(latency, floor))
    yield from _render_costs("One command at a time", latency.profile)
    yield from _render_costs("As fast as possible", throughput.profile)


def _hops(latency: Latency, floor: Floor) -> Iterable[tuple[object, ...]]:
    for hop, values in latency.hops_ms.items():
        part = PART_OF_HOP.get(hop)
        budget_ms = round(max(LEAST_BUDGET_MS, BUDGET * getattr(floor, part) if part else 0.0), 2)
        yield hop, values["p50"], values["p99"], budget_ms, "over" if values["p50"] > budget_ms else "within"


def _render_costs(title: str, profile: Profile | None) -> Iterable[str]:
    if profile is None:
        return
    yield ""
    yield (
        f"{title}: {profile.events} events in {profile.wall_s:g} s, {profile.cores_busy:g} cores busy,"
        f" {profile.statements_per_command:g} statements per command with COMMIT."
    )
    yield ""
    rows = [
        (
            cost.name,
            cost.cpu_s,
            cost.cpu_ms_per_event,
            "—" if cost.written_kb_per_event is None else cost.written_kb_per_event,
            "—" if cost.flushes_per_command is None else cost.flushes_per_command,
        )
        for cost in profile.processes
    ]
    yield from render_table(
        ("process", "CPU s", "CPU s per 1,000 events", "KB per event in write calls", "flushes per command"), rows
    )


def _describe_outcome(throughput: Throughput) -> str:
    return f"{throughput.lost}, {throughput.duplicates_absorbed}, {throughput.out_of_order}"


def _ratio(measured: float, floor: float) -> str:
    return f"{measured / floor:.2f}" if floor else "—"
