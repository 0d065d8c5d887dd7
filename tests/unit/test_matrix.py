"""The cells of the matrix, and the judge of what sources said: it finds silence, lateness, flapping and false alarms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from scenarios.matrix import truth
from scenarios.matrix.model import Cell, cells_of, choose
from scenarios.matrix.running import CellResult, summarize
from scenarios.matrix.truth import Report, judge, read_metrics
from settings import Settings
from stacks import edges
from stacks.proxy.network import KINDS
from stacks.waiting_events import LATE_AFTER_S

CELL = Cell("worker-broker", "black-hole", "notifications", ("status", "metrics"))
BEGAN, ENDED = 10.0, 16.0
HEALTHY = {"notifications": "ok", "broker": "ok"}
LATE = {"notifications": "behind", "broker": "ok"}


def _report(at: float, source: str, lights: Mapping[str, str]) -> Report:
    return Report(at - 0.1, at, source, lights)


def _judge(*reports: Report) -> truth.Truth:
    return judge(CELL, list(reports), BEGAN, ENDED)


def test_truth_is_told_when_the_last_source_says_so() -> None:
    found = _judge(
        _report(9, "status", HEALTHY),
        _report(11, "status", HEALTHY),
        _report(12, "metrics", LATE),
        _report(13.5, "status", LATE),
    )
    assert (dict(found.said_after_s), found.truth_s) == ({"status": 3.5, "metrics": 2.0}, 3.5)
    assert found.false_alarms == ()


@pytest.mark.parametrize(
    "last", [_report(12, "metrics", HEALTHY), _report(17, "status", LATE), _report(13, "page", LATE)]
)
def test_a_source_that_says_nothing_until_the_fault_ends_has_not_told_the_truth(last: Report) -> None:
    assert _judge(_report(12, "metrics", LATE), last).truth_s is None


def test_what_is_called_healthy_again_while_the_fault_goes_on_was_not_told() -> None:
    told = [_report(11, "status", LATE), _report(11, "metrics", LATE)]
    assert _judge(*told).truth_s == 1
    assert _judge(*told, _report(12, "status", HEALTHY)).truth_s is None
    assert _judge(*told, _report(12, "status", HEALTHY), _report(14, "status", LATE)).truth_s == 4


def test_a_healthy_component_that_is_called_down_is_a_false_alarm() -> None:
    red = _report(12, "page", LATE | {"broker": "down"})
    assert _judge(red).false_alarms == (red,)
    assert judge(CELL, [red], BEGAN, ENDED, replaced={"broker"}).false_alarms == ()
    assert _judge(_report(12, "page", LATE | {"broker": "behind"})).false_alarms == ()
    assert _judge(_report(12, "page", {"notifications": "down"})).false_alarms == ()


def test_a_source_inside_a_paused_broker_is_down_with_it() -> None:
    for stack, inside in (("native", {"source"}), ("embedded", set())):
        (cell,) = choose(cells_of(Settings(stack=stack)), "broker", "pause", None, Random(1))
        assert cell.inside == inside
        red = _report(12, "page", {"broker": "down", "source": "down"})
        assert bool(judge(cell, [red], BEGAN, ENDED).false_alarms) is (stack == "embedded")


def test_anything_unhealthy_before_the_fault_is_a_false_alarm() -> None:
    yellow = _report(9, "status", LATE)
    assert _judge(yellow).false_alarms == (yellow,)


def test_what_was_late_before_the_fault_may_be_called_so() -> None:
    yellow, red = _report(9, "status", LATE), _report(9, "status", LATE | {"broker": "down"})
    for span, is_true in (((8.5, 8.95), True), ((8.95, 20.0), True), ((7.0, 8.8), False), ((9.05, 20.0), False)):
        assert bool(judge(CELL, [yellow], BEGAN, ENDED, late_spans=[span]).false_alarms) is not is_true
        assert judge(CELL, [red], BEGAN, ENDED, late_spans=[span]).false_alarms == (red,)


def test_an_event_is_late_from_the_limit_on_until_it_is_notified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "time", SimpleNamespace(time=lambda: 1_000.0, monotonic=lambda: 100.0))
    passages = [(990_000_000, 990_400_000), (990_000_000, 995_000_000)]
    ((late_from, late_to),) = truth.find_late_spans(passages)
    assert (late_from, late_to) == pytest.approx((90 + LATE_AFTER_S, 95))


def test_metrics_say_what_is_wrong() -> None:
    text = (
        'alpes_up{part="observer"} 0.0\nalpes_up{part="audit"} 1.0\nalpes_database_up 1.0\n'
        'alpes_lag_seconds{stage="notification"} 2.5\nalpes_lag_seconds{stage="capture"} 0.3\n'
    )
    assert read_metrics(text, "source") == {"api": "ok", "observer": "behind", "notifications": "behind"}
    assert read_metrics('alpes_lag_seconds{stage="capture"} 9.0\n', "source") == {"api": "ok", "source": "behind"}
    assert read_metrics("alpes_database_up 0.0\n", "relay")["database"] == "behind"


@pytest.mark.parametrize(("stack", "expected"), [("embedded", 6), ("native", 9)])
def test_each_edge_has_each_fault(tmp_path: Path, stack: str, expected: int) -> None:
    cells = cells_of(Settings(stack=stack, home=tmp_path))
    of_edges = {cell.edge: {each.fault for each in cells if each.edge == cell.edge} for cell in cells if cell.network}
    assert len(of_edges) == expected
    assert all(faults == set(KINDS) for faults in of_edges.values())
    assert len({(cell.edge, cell.fault) for cell in cells}) == len(cells)
    assert {cell.fault for cell in cells if not cell.network} == {"pause", "full", "slow-fsync"}


def test_cells_of_slow_disks_and_of_full_servers_need_strace(tmp_path: Path) -> None:
    cells = {stack: cells_of(Settings(stack=stack, home=tmp_path)) for stack in ("embedded", "native")}
    traced = {stack: {(cell.edge, cell.fault) for cell in of if cell.needs_strace} for stack, of in cells.items()}
    assert traced["embedded"] == {("observer", "slow-fsync"), ("api", "slow-fsync")}
    slow_native = {(part, "slow-fsync") for part in ("observer", "database", "broker")}
    assert traced["native"] == slow_native | {("database", "full")}


def test_a_seed_chooses_the_same_sample(tmp_path: Path) -> None:
    cells = cells_of(Settings(home=tmp_path))
    samples = [choose(cells, None, None, 5, Random(seed)) for seed in (1, 1, 2)]
    assert samples[0] == samples[1] != samples[2]
    assert {cell.edge for cell in choose(cells, "client-api", None, None, Random())} == {"client-api"}
    with pytest.raises(LookupError, match="worker-broker"):
        choose(cells, "nowhere", None, None, Random())


def test_components_are_led_to_the_proxies_of_their_edges(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        stack="native",
        pulsar_url="pulsar://127.0.0.1:6650",
        database_url="mysql+pymysql://alpes:p%40ss@127.0.0.1:13306/alpes",
        edge_ports={"worker-broker": 1001, "worker-database": 1002, "client-api": 1003, "api-database": 1004},
    )
    assert edges.environment(settings, "notifications-2") == {
        "ALPES_PULSAR_URL": "pulsar://127.0.0.1:1001",
        "ALPES_DATABASE_URL": "mysql+pymysql://alpes:p%40ss@127.0.0.1:1002/alpes",
        "ALPES_DATABASE_WORKER_URL": "mysql+pymysql://alpes:p%40ss@127.0.0.1:1002/alpes",
    }
    assert edges.environment(settings, "api")["ALPES_DATABASE_URL"].endswith("@127.0.0.1:1004/alpes")
    assert edges.environment(settings, "audit") == {}
    assert edges.seen_by_client(settings).api_port == 1003


def _result(verdict: str, confirmed: bool, truth_s: float | None) -> CellResult:
    return CellResult("a", "b", verdict, confirmed, truth_s, {}, 1, None, 1.0, "", "")  # type: ignore[arg-type]


def test_the_summary_is_ok_only_when_every_cell_passed_with_its_fault_confirmed() -> None:
    good = _result("PASS", True, 2.0)
    assert summarize("embedded", 1, [good, good]).ok
    assert not summarize("embedded", 1, [good, _result("FAIL", True, 2.0)]).ok
    assert not summarize("embedded", 1, [good, _result("PASS", False, 2.0)]).ok
    assert not summarize("embedded", 1, []).ok
    summary = summarize("embedded", 1, [good, _result("FAIL", True, None)])
    assert (summary.truth_p95_s, summary.false_alarms) == (2.0, 2)
