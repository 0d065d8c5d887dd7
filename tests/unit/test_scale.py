"""What `bench scale` measures is compared with the smallest instance, and refused where it cannot be measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer

from application import Application
from bench import measured_reconcile, scale, scale_report
from bench.document import read_section
from bench.filling import fill
from bench.scale import Level
from cli import scaling
from cli.output import Failed
from settings import Settings, load_for_new_run
from stacks import resolving

DAY = date(2026, 1, 31)
FIRST = Level(
    events=10_000,
    fill_s=1.0,
    settles_s=3.0,
    other_work_percent=2.0,
    p50_ms=5.0,
    p99_ms=10.0,
    commands_per_s=400.0,
    refresh_ms=50.0,
    status_s=0.1,
    reconcile_s=0.5,
    reconcile_us_per_event=50.0,
    reconcile_cpu_us_per_event=40.0,
    reconcile_peak_mb=90.0,
    reconcile_of_run_s=0.1,
    prune_ms_per_event=0.1,
    worker_start_s=2.0,
    audit_start_s=1.5,
    capture_restart_s=1.0,
    memory_mb={"api": 70.0, "audit": 50.0},
    disk_bytes_per_event=4000.0,
    reconciled=True,
)
LAST = replace(
    FIRST,
    events=10_000_000,
    commands_per_s=200.0,
    p99_ms=12.0,
    reconcile_s=61.0,
    reconcile_peak_mb=95.0,
    memory_mb={"api": 140.0, "audit": 50.0},
)


def render(*levels: Level) -> str:
    return scale_report.render("embedded", levels, "2 cores", DAY, "./alpes bench scale")


def row(section: str, beginning: str) -> list[str]:
    (line,) = (line for line in section.splitlines() if line.startswith(f"| {beginning} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


@pytest.mark.parametrize(
    ("events", "levels"),
    [
        (1000, [1000]),
        (10_000, [10_000]),
        (10_001, [10_000, 10_001]),
        (1_000_000, [10_000, 100_000, 1_000_000]),
    ],
)
def test_each_power_of_ten_is_a_level_and_the_last_is_what_was_asked_for(events: int, levels: list[int]) -> None:
    assert scale.list_levels(events) == levels


def test_a_figure_is_over_when_it_is_much_worse_than_with_the_fewest_events() -> None:
    section = render(FIRST, LAST)
    assert row(section, "command to notification p50 (ms)") == ["5", "5", "1.00", "within"]
    assert row(section, "command to notification p99 (ms)") == ["10", "12", "1.20", "within"]
    assert row(section, "commands/s") == ["400", "200", "2.00", "over"]  # fewer are worse
    assert row(section, "memory of api (MB)") == ["70", "140", "2.00", "over"]
    assert row(section, "memory of audit (MB)") == ["50", "50", "1.00", "within"]
    assert row(section, "`reconcile` (s)") == ["0.5", "61", "", ""]  # of all events


def test_the_limits_of_reconcile_are_compared_with_ten_million_events_only() -> None:
    section = render(FIRST, LAST)
    assert "takes 61 s with 10,000,000 events: over its limit of 60 s" in section
    assert "needs 95 MB with 10,000,000 events: within its limit of 300 MB" in section
    assert "limit" not in render(FIRST, replace(LAST, events=1_000_000))


def test_a_busy_machine_is_said() -> None:
    assert scale_report.BUSY in render(replace(FIRST, other_work_percent=50.0), LAST)
    assert scale_report.BUSY not in render(FIRST, LAST)


def test_the_reason_of_a_growth_is_below_the_table() -> None:
    section = render(FIRST, LAST)
    assert section.index("| `reconcile --correlation`") < section.index(scale_report.GROWTH)


def test_one_level_is_compared_with_nothing() -> None:
    assert row(render(FIRST), "commands/s") == ["400", "", ""]


def test_sources_that_differ_are_said() -> None:
    assert "All sources agreed" in render(FIRST, LAST)
    assert "did not agree" in render(FIRST, replace(LAST, reconciled=False))


def test_every_figure_of_a_level_is_in_the_table() -> None:
    shown = [line.label for line in scale_report.make_lines([FIRST])]
    figures = set(Level.__slots__) - {"events", "memory_mb", "reconciled"}
    assert len(shown) == len(figures) + len(FIRST.memory_mb)


def test_what_cannot_fit_is_refused_before_it_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "filled_instance", lambda *_: pytest.fail("it was filled"))
    with pytest.raises(scale.NoRoom, match=r"choose fewer with --events, or another folder with TMPDIR"):
        list(scale.measure_levels([10**12], lambda _: None))


# The verb.


def test_a_stack_that_cannot_be_filled_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "measure_levels", lambda *_: pytest.fail("it was measured"))
    with pytest.raises(Failed, match="the native stack cannot be filled quickly"):
        scaling.bench_scale(stack="native")


def measure(*levels: Level) -> Callable[[Any, Any], Iterator[Level]]:
    return lambda _levels, _say: iter(levels)


def test_each_level_is_written_when_it_was_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    document = tmp_path / "performance.md"

    def measure_and_fail(_levels: Any, _say: Any) -> Iterator[Level]:
        yield FIRST
        raise scale.NoRoom("no room")

    monkeypatch.setattr(scale, "measure_levels", measure_and_fail)
    with pytest.raises(scale.NoRoom):
        scaling.bench_scale(file=document)
    section = read_section(document, scale_report.SECTION)
    assert section is not None
    assert row(section, "commands/s") == ["400", "", ""]


def test_the_figures_are_printed_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(scale, "measure_levels", measure(FIRST, LAST))
    scaling.bench_scale(json=True)
    assert [level["events"] for level in json.loads(capsys.readouterr().out)] == [10_000, 10_000_000]


def test_the_verb_fails_when_the_sources_do_not_agree(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scale, "measure_levels", measure(replace(FIRST, reconciled=False)))
    with pytest.raises(typer.Exit) as ended:
        scaling.bench_scale()
    assert ended.value.exit_code == 1
    assert "did not agree" in capsys.readouterr().out


# The process that reconciles.


@pytest.fixture
def filled(tmp_path: Path) -> Settings:
    settings = resolving.resolve("embedded", tmp_path, without=("dashboard",))
    fill(settings, 30)
    return load_for_new_run(home=tmp_path, stack="embedded")


def test_a_reconciliation_is_measured_in_its_own_process(filled: Settings) -> None:
    measured = measured_reconcile.measure_reconcile(filled)
    assert (measured.committed, measured.complete) == (30, True)
    assert measured.peak_mb > 10
    assert measured.seconds > 0


def test_a_reconciliation_that_fails_says_why(filled: Settings) -> None:
    filled.observer_store.unlink()
    with pytest.raises(measured_reconcile.ReconcileFailed, match="unable to open database file"):
        measured_reconcile.measure_reconcile(filled)


def test_the_end_of_a_file_is_searched_only(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"early\n" + b"x" * scale.TAIL_BYTES + b"late\n")
    assert scale._is_at_end(path, "late")
    assert not scale._is_at_end(path, "early")


def test_the_oldest_events_are_pruned_by_their_age(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "PRUNED_EVENTS", 10)
    settings = Settings(home=filled.home, database_url=f"sqlite:///{filled.home}/data/alpes.db")
    seconds, pruned = scale._measure_prune(settings, 30)
    assert seconds > 0
    assert 10 <= pruned <= 30  # those that grew old enough meanwhile too
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM outbox_event").scalar() == 30 - pruned
