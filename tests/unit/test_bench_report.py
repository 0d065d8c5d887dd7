"""The document of the measurements says what was measured, and compares it with the right part of the floor."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.backlog import Backlog
from bench.floor import Floor
from bench.http import HttpReport, Load
from bench.latency import Latency
from bench.profile import ProcessCost, Profile
from bench.report import PART_OF_HOP, StackReport, render
from bench.throughput import Throughput
from cli import reporting
from cli.output import Failed
from db.hops import HOPS
from settings import load

DAY = date(2026, 1, 31)
FLOOR = Floor("embedded", 1000, 3000, 2000, 1.0, 2.0, 4.0, 8.0)
PROFILE = Profile(
    events=100,
    wall_s=2.0,
    cpu_s=1.5,
    cores_busy=0.75,
    statements_per_command=4.0,
    processes=[ProcessCost("worker", 1.0, 10.0, None, 1.5), ProcessCost("client", 0.5, 5.0, 3.25, None)],
)
HOPS_MS = {hop: {"p50": 1.5, "p95": 2.0, "p99": 3.0} for hop in PART_OF_HOP}
REPORT = StackReport(
    versions={"database": "SQLite 3.40.1", "broker": "pulsar-lite 0.2.0"},
    floor=FLOOR,
    latency=Latency("embedded", 1000, 100, 12.0, 15.0, 20.0, HOPS_MS, {}, PROFILE),
    throughput=Throughput("embedded", 20_000, 4, 2, 500.0, 490.0, 0.25, 0, 3, 0, replace(PROFILE, wall_s=3.0)),
    http=HttpReport("embedded", [Load(8, 400.0, 10.0, 90.0, 0)]),
    backlog=Backlog("embedded", 100_000, 2500.0, 40.0, 1.0, 0, 0),
)


def row(document: str, beginning: str) -> list[str]:
    (line,) = (line for line in document.splitlines() if line.startswith(f"| {beginning} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


@pytest.fixture
def document() -> str:
    return render([REPORT], "2 cores, 24 GiB", DAY, "./alpes bench report")


def test_every_hop_has_a_part_of_the_floor() -> None:
    assert list(PART_OF_HOP) == [f"{one}→{other}" for one, other in pairwise(HOPS)]
    assert {part for part in PART_OF_HOP.values() if part} <= set(Floor.__slots__)


def test_the_document_says_what_when_and_how(document: str) -> None:
    for words in (
        "2026-01-31",
        "2 cores, 24 GiB",
        "`./alpes bench report`",
        "database SQLite 3.40.1, broker pulsar-lite",
    ):
        assert words in document


def test_each_figure_is_beside_the_floor_that_it_cannot_beat(document: str) -> None:
    assert row(document, "latency p50 (ms)") == ["12", "8", "1.50"]
    assert row(document, "commands/s, 4 threads of 2 processes") == ["500", "2000", "0.25"]
    assert row(document, "HTTP requests/s, 8 connections (p50 10, p99 90 ms)") == ["400", "2000", "0.20"]
    assert row(document, "lost, duplicates, out of order")[0] == "0, 3, 0"


@pytest.mark.parametrize(
    ("hop", "p50_ms", "cells"),
    [
        ("occurred→committed", 1.5, ["1.5", "3", "2", "within"]),
        ("committed→captured", 2.5, ["2.5", "3", "2", "over"]),
        ("published→received", 4.9, ["4.9", "3", "5", "within"]),
        ("published→received", 5.1, ["5.1", "3", "5", "over"]),
    ],
)
def test_a_hop_is_within_its_budget_or_over_it(hop: str, p50_ms: float, cells: list[str]) -> None:
    latency = replace(REPORT.latency, hops_ms=HOPS_MS | {hop: {"p50": p50_ms, "p95": 2.0, "p99": 3.0}})
    assert row(render([replace(REPORT, latency=latency)], "", DAY, ""), hop) == cells


def test_costs_are_those_of_both_runs(document: str) -> None:
    lines = document.splitlines()
    assert lines.count("| worker | 1 | 10 | — | 1.5 |") == lines.count("| client | 0.5 | 5 | 3.25 | — |") == 2
    assert any(line.startswith("One command at a time: 100 events in 2 s") for line in lines)
    assert any(line.startswith("As fast as possible: 100 events in 3 s") for line in lines)


def test_without_a_profile_there_is_no_table_of_costs() -> None:
    bare = replace(
        REPORT,
        latency=replace(REPORT.latency, profile=None),
        throughput=replace(REPORT.throughput, profile=None),
    )
    assert "| process |" not in render([bare], "", DAY, "")


def test_the_verb_writes_the_file_and_names_the_command_that_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("cli.reporting.instance.find", lambda name: load(stack=name, home=tmp_path))

    def measure(stack: str, size: report.Size, _say: object) -> StackReport:
        asked.append((stack, size))
        return REPORT

    monkeypatch.setattr(reporting, "measure_stack", measure)
    reporting.bench_report(stack=["embedded"], file=tmp_path / "performance.md", quick=True)
    assert asked == [("embedded", reporting.QUICK)]
    document = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert "`./alpes bench report --stack embedded --quick --out docs/performance.md`" in document
    reporting.bench_report(file=tmp_path / "performance.md")
    assert [stack for stack, _size in asked[1:]] == ["embedded", "native"]


def test_a_stack_that_is_not_ours_is_refused() -> None:
    with pytest.raises(Failed, match="external cannot be measured so; choose embedded or native"):
        reporting.bench_report(stack=["external"])


def test_the_machine_is_described_by_what_it_has() -> None:
    assert "cores" in report.describe_machine()
    assert "Python 3" in report.describe_machine()
