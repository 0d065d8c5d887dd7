"""Test what is recorded of traces: parents, times as measured, failures, and nothing at all while traces are off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from settings import Settings
from telemetry import tracing

PARENT = f"00-{'1' * 32}-{'2' * 16}-01"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "spans.jsonl"
    tracing.start(Settings(home=tmp_path, traces_file=file), "api")
    yield file
    tracing.stop()


def recorded(file: Path) -> list[dict[str, Any]]:
    tracing.stop()
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_while_traces_are_off_the_parent_is_passed_on(tmp_path: Path) -> None:
    tracing.start(Settings(home=tmp_path), "api")
    assert not tracing.enabled()
    with tracing.span("work", PARENT) as traceparent:
        assert traceparent == PARENT
    assert tracing.begin("work", PARENT) is None
    assert tracing.record_past("work", PARENT, 1, 2, {}) == PARENT


def test_a_span_continues_its_parent_and_is_the_parent_of_what_follows(file: Path) -> None:
    with tracing.span("outer", PARENT, {"n": 1}, kind="server") as outer, tracing.span("inner", outer) as inner:
        assert inner is not None
        assert tracing.TRACEPARENT.fullmatch(inner)
    first, second = recorded(file)
    assert (first["name"], second["name"]) == ("inner", "outer")  # as they ended
    assert {span["context"]["trace_id"] for span in (first, second)} == {f"0x{'1' * 32}"}
    assert second["parent_id"] == f"0x{'2' * 16}"
    assert first["parent_id"] == second["context"]["span_id"]
    assert (second["kind"], second["attributes"]) == ("SpanKind.SERVER", {"n": 1})
    assert second["resource"]["attributes"]["service.name"] == "alpes-api"


@pytest.mark.parametrize("parent", [None, "", "00-1-2-3", PARENT.upper().replace("00-", "0X-"), f"{PARENT}\n"])
def test_without_a_usable_parent_a_trace_begins(file: Path, parent: str | None) -> None:
    with tracing.span("work", parent):
        pass
    (span,) = recorded(file)
    assert span["parent_id"] is None


def test_a_failure_is_recorded_and_raised(file: Path) -> None:
    with pytest.raises(ValueError, match="no such"), tracing.span("work", None):
        raise ValueError("no such thing " + "x" * 500)
    (span,) = recorded(file)
    assert span["status"]["status_code"] == "ERROR"
    assert span["status"]["description"].startswith("ValueError: no such thing")
    assert len(span["status"]["description"]) == 200


def test_past_work_has_its_measured_times(file: Path) -> None:
    at_us = 1_800_000_000_000_123
    child = tracing.record_past("capture", PARENT, at_us, at_us + 1500, {"derived": True})
    (span,) = recorded(file)
    assert child == f"00-{'1' * 32}-{span['context']['span_id'].removeprefix('0x')}-01"
    assert span["start_time"].endswith(":00.000123Z")
    assert span["end_time"].endswith(":00.001623Z")
    assert span["attributes"] == {"derived": True}


def test_work_that_ended_before_it_began_has_no_length_and_says_by_how_much(file: Path) -> None:
    tracing.record_past("publish", None, 2_000_000, 1_999_000, {})
    (span,) = recorded(file)
    assert span["start_time"] == span["end_time"]
    assert span["attributes"] == {"alpes.negative_us": 1000}


def test_two_processes_may_append_to_one_file(file: Path, tmp_path: Path) -> None:
    file.write_text('{"name": "of another process"}\n')
    with tracing.span("own", None):
        pass
    assert [span["name"] for span in recorded(file)] == ["of another process", "own"]
    assert file.stat().st_mode & 0o777 in (0o600, 0o644)  # an existing file keeps its mode


def test_a_file_that_cannot_be_written_stops_no_work(tmp_path: Path) -> None:
    tracing.start(Settings(home=tmp_path, traces_file=tmp_path / "no" / "folder" / "spans.jsonl"), "api")
    with tracing.span("work", None) as traceparent:
        assert traceparent is not None
    tracing.stop()
    assert not (tmp_path / "no").exists()
    assert not tracing.enabled()


def test_the_collectors_address_gets_the_path_of_traces(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, otlp_endpoint="http://127.0.0.1:4318/")
    (exporter,) = tracing._create_exporters(settings)
    assert exporter._endpoint == "http://127.0.0.1:4318/v1/traces"
