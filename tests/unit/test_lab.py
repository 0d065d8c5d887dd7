"""Test what notebooks use: the tables that the lab reads, the figures that it draws, and which stack it opens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from application import leases
from db import queries
from domain.commands import CalculateCommission
from domain.message import verbatim
from lab import contracts, figures, stacks, verdicts
from lab.laboratory import Lab
from lab.reading import Reading
from scenarios.model import FaultWindow, Sample
from settings import Settings
from tests.histories import example
from tests.instances import Instance
from tests.results import result_of


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.close()


@pytest.fixture
def lab(instance: Instance) -> Iterator[Lab]:
    with Lab(instance.settings, ExitStack()) as lab:
        yield lab


# Reading.


def test_one_event_is_found_in_every_table(instance: Instance, lab: Lab) -> None:
    sent = instance.send("run-1", CalculateCommission("conv-1", "aff-1", "cmp-1", "120.50", "USD"))
    (event_id,) = sent.event_ids
    assert not lab.everywhere([event_id])
    instance.pass_on()
    assert lab.everywhere([event_id])
    assert lab.commission(sent.commission_id).to_dict("records") == lab.commission_of("conv-1").to_dict("records")
    assert list(lab.outbox(sent.commission_id)["id"]) == [event_id]
    assert list(lab.notifications([event_id, "unknown"])["event_id"]) == [event_id]
    assert list(lab.deliveries(event_id)["outcome"]) == ["applied", "duplicate"]
    assert lab.audit_lines([event_id, "unknown"]) == 1
    assert lab.message(event_id).event_id == event_id
    assert lab.envelope(event_id)["op"] == "c"
    assert len(lab.notifications_of_run("run-1")) == 1
    assert lab.outbox_head() == 1


def test_what_is_not_there_is_an_empty_table(lab: Lab) -> None:
    assert lab.commission("no").empty
    assert lab.outbox("no").empty
    assert lab.dead_letters().empty
    with pytest.raises(IndexError):
        lab.message("no")


def test_the_hops_are_counted_from_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"occurred": 1_000_000, "committed": 1_002_000, "captured": 1_001_000, "persisted": 1_010_500}
    reading = Reading()
    monkeypatch.setattr(reading, "hop_times", lambda _: {"e-1": times}, raising=False)
    frame = reading.hops("e-1")
    assert list(frame.index) == ["occurred", "committed", "captured", "persisted"]
    assert list(frame["since_command_ms"]) == [0.0, 2.0, 1.0, 10.5]
    assert list(frame["step_ms"]) == [0.0, 2.0, -1.0, 9.5]
    assert frame.loc["captured", "resolution_ms"] >= 1


def test_the_backlog_rises_with_a_commit_and_falls_with_a_notification(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [(1_000_000, 4_000_000), (2_000_000, 3_000_000)]
    monkeypatch.setattr("lab.reading.notification_queries.read_occurred_and_notified", lambda *_: pairs)
    assert lab.backlog("run-1").to_numpy().tolist() == [[0.0, 1.0], [1.0, 2.0], [2.0, 1.0], [3.0, 0.0]]


# The laboratory.


def test_a_burst_is_calculated_and_approved_under_one_correlation_id(lab: Lab) -> None:
    correlation_id = lab.burst(2)
    with lab.application.reading() as connection:
        assert len(queries.outbox_of_correlation(connection, correlation_id)) == 4


def test_the_names_of_roles_are_those_of_the_stacks_components(tmp_path: Path) -> None:
    names = {"capture": "relay", "worker": "notifications", "broker": "broker"}
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'a.db'}")
    lab = Lab(settings, ExitStack())
    assert {name: lab._component_name(name) for name in names} == names
    native = Settings(home=tmp_path, stack="native", database_url=settings.database_url)
    assert Lab(native, ExitStack())._component_name("capture") == "source"
    lab.close()


def test_closing_ends_the_faults_once(instance: Instance) -> None:
    undone: list[str] = []
    undo = ExitStack()
    undo.callback(undone.append, "undone")
    lab = Lab(instance.settings, undo)
    lab.slow(50)
    lab.fail("c-1")
    assert {lease.fault for lease in leases.active(instance.settings)} == {"slow", "fail"}
    lab.close()
    lab.close()
    assert leases.active(instance.settings) == []
    assert undone == ["undone"]


# Stacks.


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """What private stacks are asked for; nothing starts."""
    asked: list[dict[str, Any]] = []

    @contextmanager
    def running(stack: str, **options: Any) -> Iterator[Settings]:
        asked.append(options)
        yield Settings(home=tmp_path, stack=stack, database_url=f"sqlite:///{tmp_path / 'a.db'}")

    monkeypatch.setattr("scenarios.end_to_end.running", running)
    monkeypatch.setattr(stacks, "_open", [])
    monkeypatch.setattr(stacks, "find_running", lambda _: None)
    monkeypatch.setattr(stacks, "Supervisor", lambda _: SimpleNamespace(running=lambda: True))
    return asked


def test_a_cell_that_runs_again_gets_the_same_stack(private: list[dict[str, Any]]) -> None:
    first = stacks.running()
    assert stacks.running() is first
    first.close()
    assert stacks.running() is not first
    assert len(private) == 2
    for lab in stacks._open:
        lab.close()


def test_more_workers_need_a_private_stack(private: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "find_running", lambda _: pytest.fail("the running one was taken"))
    lab = stacks.running(workers=3)
    assert private == [{"private": True, "workers": 3}]
    lab.close()


# Contracts and verdicts.


def test_the_golden_messages_have_one_shape_for_both_versions() -> None:
    shapes = {nar: [contracts.shape(envelope) for envelope in contracts.golden(nar)] for nar in ("3.1.2", "4.0.8")}
    assert all(shapes.values())
    assert ("source.pos", "int") in shapes["4.0.8"][0]
    assert shapes["3.1.2"][0] == shapes["4.0.8"][0]
    with pytest.raises(OSError, match="debezium-nar-0"):
        contracts.golden("0")


def test_the_shape_of_an_envelope_names_members_of_the_row_and_the_source_only() -> None:
    shape = contracts.shape({"op": "c", "after": {"seq": 1}, "source": {"db": "x"}, "other": {"deep": 1}})
    assert shape == {("op", "str"), ("after.seq", "int"), ("source.db", "str"), ("other", "dict")}


def test_a_verdict_is_a_table_of_what_it_rests_on() -> None:
    window = FaultWindow("broker", "kill", 10.0, 14.256, 0.1, 2.0)
    result = replace(result_of(example()), windows=(window,))
    frame = verdicts.checks(result)
    assert set(frame["kind"]) == {"confirmed", "invariant"}
    assert len(frame) == len(result.confirmations) + len(result.checks)
    assert verdicts.windows(result).to_dict("records") == [
        {"part": "broker", "fault": "kill", "lasted_s": 4.26, "noticed_s": 0.1, "recovery_s": 2.0}
    ]
    counts = verdicts.counts(result, replace(result, name="replay"))
    assert list(counts.columns) == ["kill-broker, embedded", "replay, embedded"]
    assert counts.loc["committed"].tolist() == [result.counts.committed] * 2


# Figures.


def test_an_ecdf_rises_to_one_whatever_the_order() -> None:
    (line,) = figures.ecdf({"a": [3.0, 1.0, 2.0]}).data
    assert (list(line.x), list(line.y)) == ([1.0, 2.0, 3.0], [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0])


def test_series_are_told_apart_without_colours() -> None:
    drawn = figures.ecdf({name: [1.0] for name in "abcdef"}).data
    assert len({line.line.dash for line in drawn}) == 6
    frame = pd.DataFrame({"x": [1], "y": [2]})
    assert len({trace.marker.symbol for trace in figures.points(dict.fromkeys("abcd", frame), "x", "y").data}) == 4
    assert figures.lines({"a": frame}, "x", "y").data[0].line.shape == "hv"


def test_a_waterfall_has_a_bar_for_each_hop_that_begins_where_the_one_before_ended() -> None:
    hops = pd.DataFrame(
        {
            "hop": ["occurred", "committed", "captured"],
            "since_command_ms": [0.0, 2.0, 5.0],
            "step_ms": [0.0, 2.0, 3.0],
            "resolution_ms": [0.001, 0.001, 1.0],
        }
    ).set_index("hop")
    (bars,) = figures.waterfall(hops).data
    assert (list(bars.base), list(bars.x)) == ([0.0, 2.0], [2.0, 3.0])
    assert list(bars.text) == ["2.00 ms", "3.00 ms (±1)"]


def test_stacked_steps_are_medians_and_leave_the_total_out() -> None:
    frame = pd.DataFrame({"a": [1.0, 3.0, 9.0], "b": [2.0, 2.0, 2.0], "end_to_end": [3.0, 5.0, 11.0]})
    drawn = figures.steps({"one": frame}).data
    assert [(bar.name, list(bar.x)) for bar in drawn] == [("a", [3.0]), ("b", [2.0])]


def test_a_timeline_shades_each_fault_in_both_plots() -> None:
    samples = tuple(Sample(1_800_000_000.0 + at, 1, 1, 1) for at in range(3))
    window = FaultWindow("broker", "kill", 1_800_000_000.2, 1_800_000_000.9, message=verbatim("kill"))
    result = replace(result_of(example()), windows=(window,), samples=samples, points=((1_800_000_000.0, 5.0),))
    assert len(figures.timeline(result).layout.shapes) == 2


def test_a_saved_figure_carries_the_defaults_of_its_own_kind_only() -> None:
    saved = json.loads(figures.bars({"a": 1.0, "b": 2.5}, "events").to_json())
    assert saved["layout"]["template"]["data"].keys() == {"bar"}
    assert saved["data"][0]["text"] == ["1", "2.5"]
