"""What `bench recovery` measures, what it writes, and when it fails; nothing is started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from bench.document import read_section, replace_section
from bench.recovery import Recovery
from cli import recovering
from cli.output import Failed
from scenarios import end_to_end
from settings import Settings
from tests.unit.test_recovery_figures import WORKER


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Recovery]:
    """Return the list of what each stack's measurement yields."""
    recoveries = [WORKER]

    @contextmanager
    def running(stack: str, _say: object, *, private: bool) -> Iterator[Settings]:
        assert private, "a running instance must not be broken"
        yield Settings(home=tmp_path, stack=stack)

    monkeypatch.setattr(end_to_end, "running", running)
    monkeypatch.setattr(recovering, "measure_recoveries", lambda *_: recoveries)
    return recoveries


@pytest.mark.usefixtures("measured")
def test_both_stacks_are_measured_or_the_one_that_is_named(printed: Callable[[], Any]) -> None:
    recovering.bench_recovery(json=True)
    assert list(printed()) == ["embedded", "native"]
    recovering.bench_recovery(stack=["native", "native"], json=True)
    assert list(printed()) == ["native"]


@pytest.mark.parametrize("change", [{"lost": 1}, {"duplicate_notifications": 1}])
def test_a_lost_or_doubled_event_fails_it(measured: list[Recovery], change: dict[str, int]) -> None:
    measured.append(replace(WORKER, **change))  # type: ignore[arg-type]
    with pytest.raises(typer.Exit):
        recovering.bench_recovery(json=True)


def test_the_section_names_the_command(measured: list[Recovery], tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    replace_section(document, "other", "## Other\n")
    measured.append(replace(WORKER, component="broker"))
    recovering.bench_recovery(stack=["embedded"], rounds=2, file=document)
    section = read_section(document, "recovery") or ""
    assert "`./alpes bench recovery --stack embedded --rounds 2 --out docs/performance.md`" in section
    assert "| broker |" in section
    assert read_section(document, "other") == "## Other\n"


def test_a_stack_whose_servers_it_does_not_start_is_refused() -> None:
    with pytest.raises(Failed, match="external cannot be measured so; choose embedded or native"):
        recovering.bench_recovery(stack=["external"])
