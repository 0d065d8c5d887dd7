"""Which ways to publish `bench peers` measures, what it writes, and when it fails; nothing is started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import typer
from typer.testing import CliRunner

from bench.document import read_section, replace_section
from bench.peers.catalogue import PEERS, Peer
from bench.peers.measuring import Figures, Size
from cli import peers
from cli.app import app
from cli.output import Failed
from tests.unit.test_peers_figures import FIGURES


@pytest.fixture
def losing(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Return a dictionary {peer: how many events it loses under the kill}."""
    losses: dict[str, int] = {}

    def measure(chosen: Sequence[Peer], size: Size, _say: object) -> list[Figures]:
        return [_make(peer.name, losses.get(peer.name, 0)) for peer in chosen]

    monkeypatch.setattr(peers, "measure_peers", measure)
    return losses


def _make(name: str, lost: int) -> Figures:
    outcome = replace(FIGURES.kill.outcome, lost=lost)
    return replace(FIGURES, name=name, kill=replace(FIGURES.kill, outcome=outcome))


@pytest.mark.usefixtures("losing")
def test_all_are_measured_in_their_order_or_those_that_are_named_once(printed: Callable[[], Any]) -> None:
    peers.bench_peers(json=True)
    assert [row["name"] for row in printed()] == list(PEERS)
    peers.bench_peers(only=["polling", "stock", "polling"], json=True)
    assert [row["name"] for row in printed()] == ["polling", "stock"]


@pytest.mark.usefixtures("losing")
def test_the_table_has_a_column_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    peers.bench_peers(only=["debezium", "dual-write"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["debezium", "dual-write"] in lines
    assert ["storm:", "commits/s", "400", "400"] in lines


def test_a_loss_fails_it_unless_there_is_no_outbox(losing: dict[str, int]) -> None:
    losing["dual-write"] = 100
    peers.bench_peers(json=True)
    losing["polling"] = 1
    with pytest.raises(typer.Exit):
        peers.bench_peers(json=True)


@pytest.mark.usefixtures("losing")
def test_only_its_section_and_its_picture_are_written(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    replace_section(document, "path", "## The path\n\nfigures")
    peers.bench_peers(only=["polling"], n=20, file=document)
    assert read_section(document, "path") == "## The path\n\nfigures\n"
    section = read_section(document, "peers") or ""
    assert "`./alpes bench peers --only polling --n 20 --out docs/performance.md --page`" in section
    assert "](images/peers.svg)" in section
    ElementTree.parse(tmp_path / "images" / "peers.svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "performance.md"]


def test_an_unknown_name_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(Failed, match="kafka cannot be measured so; choose among stock, debezium, debezium-server"):
        peers.bench_peers(only=["polling", "kafka"])


@pytest.mark.parametrize("arguments", [["--n", "9"], ["--commands", "0"], ["--writers", "4"]])
def test_values_out_of_range_and_unknown_options_are_refused(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["bench", "peers", *arguments]).exit_code == 2


def test_the_help_says_what_is_compared_and_what_it_costs() -> None:
    text = " ".join(CliRunner().invoke(app, ["bench", "peers", "--help"]).output.split())
    for words in ("Debezium Server", "polling", "dual write", "SIGKILL", "two minutes", "--only", "--out"):
        assert words in text
