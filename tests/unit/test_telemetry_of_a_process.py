"""Test what a process leaves when it ends: its counters and its last words, also when it fails."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from settings import Settings
from telemetry import metrics, tracing
from telemetry.metrics import METRICS
from telemetry.process import telemetry


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """Keep the handlers of the tests: a process replaces those of the root logger."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def counters(settings: Settings) -> dict[str, int]:
    (component,) = metrics.read_all(settings)
    assert component[0] == "observer"
    return {str(name): int(str(value)) for name, _labels, value in component[1]["counters"]}


def test_the_counters_are_written_under_the_components_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_PART", "observer")
    settings = Settings(home=tmp_path)
    with telemetry(settings, "another"):
        METRICS.count("test_of_process")
    assert counters(settings)["test_of_process"] == 1


def test_the_log_says_that_it_started_where_and_that_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with telemetry(Settings(home=tmp_path, log_format="json"), "observer"):
        pass
    first, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["message"] == f"starting on the embedded stack, home {tmp_path}"
    assert (last["message"], last["part"]) == ("stopped", "observer")


def test_a_process_that_fails_does_not_say_that_it_stopped_and_still_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=tmp_path, traces_file=tmp_path / "spans.jsonl")

    def fail() -> None:
        METRICS.count("test_of_failing_process", by=2)
        assert tracing.enabled()
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"), telemetry(settings, "observer"):
        fail()
    assert "stopped" not in capsys.readouterr().out
    assert counters(settings)["test_of_failing_process"] == 2
    assert not tracing.enabled()
