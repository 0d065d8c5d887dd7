"""The load on the API is refused without its tool, and what the tool writes is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import typer

from bench import http
from bench.http import Load, NoLoadTool
from cli.measuring import _parse_connections
from settings import Settings


def test_without_the_tool_one_is_told_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(NoLoadTool, match="apt-get install wrk"):
        http.measure_http(Settings(home=tmp_path), [1])


def test_the_summary_is_rates_and_milliseconds() -> None:
    text = '{"requests": 1500, "us": 5000000, "p50_us": 2500, "p99_us": 40000, "failed": 3}'
    assert http.read_summary(8, text) == Load(8, 300.0, 2.5, 40.0, 3)


def test_the_script_has_the_token_and_the_prefix() -> None:
    script = http._SCRIPT % {"token": "secret", "prefix": "run"}
    assert '"Bearer secret"' in script
    assert '"conversionId":"run-%d"' in script


def test_numbers_of_connections_are_read_from_a_list() -> None:
    assert _parse_connections("1,8, 32") == [1, 8, 32]
    for text in ("", "1,,2", "0", "-1", "1001", "many"):
        with pytest.raises(typer.BadParameter):
            _parse_connections(text)
