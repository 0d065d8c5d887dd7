"""Which captures are measured side by side, and what the verb prints; nothing is started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from bench import captures
from bench.captures import list_combinations, measure_captures
from cli import measuring
from cli.output import Failed
from db import notification_queries
from scenarios import end_to_end
from settings import Settings
from tests.instances import Instance


def test_each_capture_is_measured_with_each_mysql_that_it_can_read() -> None:
    assert list_combinations() == [("debezium", "8.0"), ("debezium-server", "8.0"), ("debezium-server", "9.7")]
    assert list_combinations("9.7") == [("debezium-server", "9.7")]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """The instances that are started; the storm loses as many events as the number of its commands minus 5000."""
    started: list[dict[str, Any]] = []

    @contextmanager
    def running(stack: str, **changes: Any) -> Iterator[Settings]:
        started.append({"stack": stack, **changes})
        yield Settings(
            home=tmp_path, stack="native", capture=changes["capture"], mysql_version=changes["mysql_version"]
        )

    def storm(_: Settings, commands: int, _writers: int) -> Any:
        return SimpleNamespace(commands_per_s=200.0, drained_after_s=1.5, lost=commands - 5000)

    monkeypatch.setattr(end_to_end, "running", running)
    monkeypatch.setattr(captures, "measure_latency", lambda *_: SimpleNamespace(p50_ms=20.0, p99_ms=40.0))
    monkeypatch.setattr(captures, "measure_throughput", storm)
    monkeypatch.setattr(captures, "measure_recovery", lambda _: 4.25)
    return started


def test_each_is_measured_on_an_instance_of_its_own(measured: list[dict[str, Any]]) -> None:
    first, second = measure_captures([("debezium", "8.0"), ("debezium-server", "9.7")], 10, 5000, 4, lambda _: None)
    assert [start["private"] for start in measured] == [True, True]
    assert (first.capture, second.database) == ("Debezium 1.9.7 (NAR 4.0.8)", "MySQL 9.7.4")
    assert (first.p99_ms, first.drained_after_s, first.recovers_s) == (40.0, 1.5, 4.2)


@pytest.mark.usefixtures("measured")
def test_the_verb_prints_a_row_for_each_and_fails_when_an_event_is_lost(
    printed: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    measuring.bench_captures(mysql="8.0")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["recovers", "s", "4.2", "4.2"] in lines
    with pytest.raises(typer.Exit):
        measuring.bench_captures(commands=5001, json=True)
    assert [row["lost"] for row in printed()] == [1, 1, 1]
    with pytest.raises(Failed, match=r"no capture reads MySQL 5\.7"):
        measuring.bench_captures(mysql="5.7")


def test_recovery_is_over_when_an_event_committed_after_the_restart_is_notified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = Instance(tmp_path)
    restarted: list[str] = []
    counts = iter([0, 0, 1])
    monkeypatch.setattr(captures, "restart_component", lambda _, part: restarted.append(part))
    monkeypatch.setattr(notification_queries, "count_notifications", lambda *_: next(counts))
    assert captures.measure_recovery(instance.settings) < captures.RECOVERS_WITHIN_S
    assert restarted == [instance.settings.facts.capture.component]
    assert next(counts, None) is None
    instance.close()
