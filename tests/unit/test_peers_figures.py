"""The figures of the peers: differences of MySQL's counters, the table, the section and its drawing, and processes that end."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psutil
import pytest

from bench import children
from bench.peers.broker_kill import KillFigures, _seconds_until_all, _seconds_until_first
from bench.peers.counting import Committed, Outcome
from bench.peers.database_load import COUNTERS, DatabaseLoad, read_load
from bench.peers.drawing import draw
from bench.peers.measuring import Figures, Idle, Size, Storm
from bench.peers.rendering import list_rows, render
from bench.profile import ProcessCost
from scenarios.waiting import until

LOAD = DatabaseLoad(3.0, 1.0, 0.5, 1.5, 0.5, 0.0, 1145.0, 1053.0)
COSTS = [ProcessCost("broker", 2.0, 2.0, 3.5, None), ProcessCost("client", 1.0, 1.0, None, None)]
FIGURES = Figures(
    name="debezium",
    description="Debezium, tuned",
    versions={"database": "MySQL 8.0.15", "capture": "Debezium 1.9.7", "broker": "Pulsar 4.2.4"},
    commit_p50_ms=4.0,
    p50_ms=14.5,
    p99_ms=33.0,
    lone_p50_ms=21.5,
    message_bytes=874,
    storm=Storm(400.0, 0.25, Outcome(100, 100, 0, 2, 0, 0, 0), COSTS, LOAD, 0.1),
    idle=Idle(LOAD, {"broker": 0.45, "database": 0.01}),
    kill=KillFigures(Outcome(500, 500, 0, 1, 60, 3, 0), 12.5, 8.0, 9.0),
)
POLLING = replace(
    FIGURES,
    name="polling",
    versions={"database": "MySQL 8.0.15", "broker": "Pulsar 4.2.4"},
    storm=replace(FIGURES.storm, costs=[*COSTS, ProcessCost("poller", 0.5, 0.7, 0.1, None)]),
    kill=KillFigures(Outcome(500, 300, 200, 0, 0, 0, 0), 12.5, 8.0, None),
)


def row(label: str) -> tuple[str, ...]:
    (cells,) = (cells for name, *cells in list_rows([FIGURES, POLLING]) if name == label)
    return tuple(cells)


def test_each_figure_is_in_the_column_of_its_peer() -> None:
    assert row("insert to receipt, p99 (ms)") == ("33", "33")
    assert row("CPU ms per event: all") == ("3", "3.7")
    assert row("— publisher's own process") == ("—", "0.7")
    assert row("KB per event in write calls") == ("broker 3.5", "broker 3.5, poller 0.1")
    assert row("— rows inserted, updated and deleted") == ("2", "2")
    assert row("idle: cores busy") == ("0.46", "0.46")
    assert row("storm: lost, duplicates, out of order") == ("0, 2, 0", "0, 2, 0")
    assert row("— lost, duplicates, out of order") == ("0, 1, 3", "200, 0, 0")
    assert row("— up to the last event from before (s)") == ("9", "—")


def test_both_losses_count() -> None:
    assert (FIGURES.lost, POLLING.lost) == (0, 200)


def test_the_section_says_what_when_and_how() -> None:
    text = render([FIGURES, POLLING], Size(300, 5000, 4), "2 cores", date(2026, 1, 31), "./alpes bench peers", "a.svg")
    for words in ("2026-01-31", "2 cores", "`./alpes bench peers`", "MySQL 8.0.15", "Debezium 1.9.7", "](a.svg)"):
        assert words in text
    assert text.startswith("## Ways to publish\n")
    assert "`polling` looks" in text
    assert "`stock`" not in text
    assert "](" not in render([FIGURES], Size(300, 5000, 4), "", date(2026, 1, 31), "")


def test_the_section_says_when_the_machine_was_not_quiet() -> None:
    busy = replace(FIGURES, storm=replace(FIGURES.storm, others_cores=0.75))
    texts = [render(figures, Size(300, 5000, 4), "", date(2026, 1, 31), "") for figures in ([FIGURES], [FIGURES, busy])]
    assert ["kept 0.1 to 0.75 cores busy" in text for text in texts] == [False, True]


def test_the_drawing_has_a_bar_for_each_value_and_the_longest_fills_its_panel() -> None:
    root = ElementTree.fromstring(draw([FIGURES, replace(POLLING, name="<polling>")]))
    space = "{http://www.w3.org/2000/svg}"
    bars = [(bar.get("class"), float(bar.get("width") or 0)) for bar in root.iter(f"{space}rect")]
    assert len(bars) == 2 * 5
    losses = [width for style, width in bars if style == "l"]
    assert losses == [1.0, max(width for _, width in bars)]
    assert "<polling>" in [text.text for text in root.iter(f"{space}text")]


class Rows:
    def __init__(self, value: int) -> None:
        self.value = value

    def execute(self, statement: Any) -> list[tuple[str, str]]:
        return [(name, str(self.value)) for name in COUNTERS]


def test_the_load_is_a_difference_without_the_statement_that_reads_it(tmp_path: Path) -> None:
    connection: Any = Rows(100)
    (tmp_path / "mysql-bin.000001").write_bytes(b"x" * 1000)
    (tmp_path / "mysql-bin.index").write_bytes(b"x")
    before = read_load(connection, tmp_path)
    connection.value = 150
    (tmp_path / "mysql-bin.000002").write_bytes(b"x" * 500)
    load = (read_load(connection, tmp_path) - before).per(10)
    assert (load.statements, load.rows_read, load.binlog_bytes) == (4.9, 5.0, 50.0)


EVENTS = [Committed(f"e{number}", "a", number, number * 1_000_000, number * 1_000_000 + 9) for number in range(6)]


def test_recovery_is_counted_from_the_brokers_answer_to_an_event_that_began_without_it() -> None:
    received_us = {"e0": 10, "e2": 9_500_000, "e3": 9_000_000}
    gone_us, up_us = 1_500_000, 4_500_000
    assert _seconds_until_first(EVENTS, received_us, gone_us, up_us) == 4.5
    assert _seconds_until_first(EVENTS, {"e0": 10}, gone_us, up_us) is None


def test_it_is_complete_when_the_last_event_from_before_is_received() -> None:
    received_us = {event.event_id: 7_000_000 for event in EVENTS[:5]}
    assert _seconds_until_all(EVENTS, received_us, 4_500_000) == 2.5
    del received_us["e3"]
    assert _seconds_until_all(EVENTS, received_us, 4_500_000) is None


def echo(pipe: Pipe) -> None:
    pipe.send(children.READY)
    pipe.poll(None)  # until the other end is closed
    assert not children.is_open(pipe)


def end_at_once(pipe: Pipe) -> None:
    pipe.send(children.READY)


def never_ready(pipe: Pipe) -> None:
    pipe.send("not yet")


def test_a_process_runs_beside_this_one_and_ends_with_the_block() -> None:
    with children.running("echo", echo) as child:
        process = psutil.Process(child.pid)
        assert (process.ppid(), process.is_running()) == (os.getpid(), True)
    assert not psutil.pid_exists(child.pid)


def test_a_process_that_ends_too_early_fails_the_measurement() -> None:
    with pytest.raises(children.ChildFailed, match="ended too early"), children.running("clock", end_at_once) as child:
        until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE, 30, "the end of the process")


def test_a_process_that_is_not_ready_is_refused() -> None:
    with pytest.raises(children.ChildFailed, match="is not ready"), children.running("clock", never_ready):
        pass


def test_a_process_that_does_not_answer_is_named() -> None:
    with (
        children.running("clock", echo) as child,
        pytest.raises(children.ChildFailed, match="the clock did not answer within 0 s"),
    ):
        child.receive(within_s=0.0)
