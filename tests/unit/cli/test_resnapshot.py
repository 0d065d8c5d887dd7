"""`source resnapshot`: the row that it is given reaches the capture, and a stack without Debezium refuses in words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from cli import operations
from settings import Settings
from stacks.source_control import NoSource
from tests.unit.cli.conftest import Found

APP = typer.Typer()
operations.register(APP)


@pytest.mark.parametrize(("options", "first_seq"), [((), None), (("--from", "7"), 7), (("--from", "-1"), -1)])
def test_the_row_reaches_the_capture(
    options: tuple[str, ...],
    first_seq: int | None,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    requests: list[int | None] = []
    capture = SimpleNamespace(resnapshot=lambda _say, seq: requests.append(seq))
    monkeypatch.setattr(operations, "capture_of", lambda _: capture)
    result = CliRunner().invoke(APP, ["source", "resnapshot", "--json", *options])
    assert result.exit_code == 0, result.output
    assert requests == [first_seq]


def test_a_stack_without_debezium_refuses(tmp_path: Path, found: Found) -> None:
    found(Settings(home=tmp_path, stack="embedded"))
    with pytest.raises(NoSource, match="its relay captures"):
        operations.resnapshot(first_seq=3)
