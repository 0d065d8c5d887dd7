"""The end of a log: which lines are read, their levels, and what the visitor chooses among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.components import log_panel
from dashboard.view_models import log_tail
from dashboard.view_models.log_tail import Level, LogLine
from settings import Settings
from stacks.control import PartUnknown
from stacks.supervisor import Supervisor

ALL: tuple[Level, ...] = ("error", "warning", "other")


def test_the_end_of_a_log_is_read_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "broker.log"
    path.write_text("\n".join(f"line {number}" for number in range(200_000)))
    lines = log_tail.read_lines(tmp_path, "broker")
    assert sum(len(line.text) + 1 for line in lines) <= log_tail.MOST_BYTES + 1
    assert [line.text for line in log_tail.choose(lines, ALL, "", 3)] == ["line 199997", "line 199998", "line 199999"]
    assert lines[0].text.startswith("line ")
    assert log_tail.read_lines(tmp_path, "none") == ()
    assert log_tail.logs(tmp_path) == ["broker"]


@pytest.mark.parametrize("shape", ["{outside}/other", "../outside/other", "./broker", "broker.log", "", None])
def test_a_log_is_read_by_a_listed_name_only(tmp_path: Path, shape: str | None) -> None:
    (inside := tmp_path / "logs").mkdir()
    (outside := tmp_path / "outside").mkdir()
    for path in (inside / "broker.log", outside / "other.log"):
        path.write_text("marker")
    name = shape and shape.format(outside=outside)
    assert log_tail.read_lines(inside, name) == ()
    with pytest.raises(PartUnknown):
        list(Supervisor(Settings(home=tmp_path)).log(str(name), 3, False))
    assert log_tail.read_lines(inside, "broker") == (LogLine("other", "marker"),)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("2026-11-27 05:00:00,000 INFO workers.relay: published 1", "other"),
        ("2026-11-27 05:00:00,000 WARNING workers.relay: the broker does not answer", "warning"),
        ("2026-11-27 05:00:00,000 ERROR stacks.healer: healing the source", "error"),
        ('{"at": "2026-11-27T05:00:00Z", "level": "ERROR", "message": "healing"}', "error"),
        ("2026-11-27T05:00:00.000Z 0 [Warning] [MY-010068] [Server] CA certificate is self signed.", "warning"),
        ("2026-11-27T05:00:00.000Z 0 [ERROR] [MY-012592] [InnoDB] Operating system error", "error"),
        ("2026-11-27T05:00:00.000Z 0 [System] [MY-010931] [Server] ready for connections", "other"),
        ("2026-11-27T05:00:00,000+0000 [main] WARN  org.apache.pulsar.Broker - slow", "warning"),
        ("2026-11-27T05:00:00.000Z  WARN pulsar_lite: attempted to ack", "warning"),
        ("Traceback (most recent call last):", "error"),
        ("nothing in it names a level, as in ErrorElement", "other"),
    ],
)
def test_the_level_of_a_line_in_the_format_of_each_component(tmp_path: Path, text: str, level: Level) -> None:
    (tmp_path / "part.log").write_text(text + "\n")
    assert log_tail.read_lines(tmp_path, "part") == (LogLine(level, text),)


def test_a_line_that_continues_another_has_its_level(tmp_path: Path) -> None:
    lines = [
        "2026-11-27 05:00:00,000 ERROR workers.audit: stopped",
        "Traceback (most recent call last):",
        '  File "audit.py", line 3',
        "ValueError: no line",
        "2026-11-27 05:00:01,000 workers.audit: began",
    ]
    (tmp_path / "audit.log").write_text("\n".join(lines))
    assert [line.level for line in log_tail.read_lines(tmp_path, "audit")] == ["error"] * 4 + ["other"]


def test_lines_are_chosen_by_level_and_text_in_any_case() -> None:
    lines = [LogLine("error", "Broker is down"), LogLine("other", "broker"), LogLine("warning", "database")]
    assert log_tail.choose(lines, ALL, "BROKER", 9) == lines[:2]
    assert log_tail.choose(lines, ("error", "warning"), "", 9) == [lines[0], lines[2]]
    assert log_tail.choose(lines, ALL, "", 1) == lines[2:]
    assert log_tail.choose(lines, ("error",), "database", 9) == []


@pytest.mark.usefixtures("english")
def test_lines_are_drawn_with_their_level_and_harmless() -> None:
    html = log_panel.render([LogLine("error", "<script>"), LogLine("warning", "slow"), LogLine("other", "fine")])
    assert '<div class="bad">&lt;script&gt;</div>' in html
    assert '<div class="warn">slow</div><div>fine</div>' in html
    assert set(log_panel.LEVELS["warnings"]) < set(log_panel.LEVELS["all"])
