"""The page shows the committed figures of the ways to publish, as they are in the document, in both languages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.document import read_section
from dashboard import i18n
from dashboard.components import peers_table
from dashboard.view_models import peers
from settings.model import REPOSITORY


@pytest.fixture(params=["en", "es"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    i18n.use(lambda: (request.param, None))
    yield request.param
    i18n.use(lambda: ("en", None))


@pytest.fixture
def measured() -> peers.Measured:
    measured = peers.read()
    assert measured is not None
    return measured


def test_the_figures_are_those_of_the_document(measured: peers.Measured) -> None:
    section = read_section(REPOSITORY / "docs" / "performance.md", "peers") or ""
    cells = {
        row.split("|")[1].strip(): [cell.strip() for cell in row.split("|")[2:-1]]
        for row in section.splitlines()
        if row.startswith("| ")
    }
    assert cells[""] == [peer.name for peer in measured.peers]
    assert [float(cell) for cell in cells["insert to receipt, p50 (ms)"]] == [peer.p50_ms for peer in measured.peers]
    assert [float(cell) for cell in cells["storm: commits/s"]] == [peer.commits_per_s for peer in measured.peers]
    assert measured.day in section
    assert f"`{measured.command}`" in section


def test_only_a_dual_write_lost_events(measured: peers.Measured) -> None:
    assert [peer.name for peer in measured.peers if peer.lost] == ["dual-write"]


def test_each_way_has_a_row_in_both_languages(measured: peers.Measured, language: str) -> None:
    root = ElementTree.fromstring(peers_table.draw(measured))
    rows = root.findall(".//tbody/tr")
    assert [row.get("data-key") for row in rows] == ["stock", "debezium", "debezium-server", "polling", "dual-write"]
    assert all(len(row) == len(root.findall(".//th")) for row in rows)
    words = " ".join(root.itertext())
    assert ("escritura" in words or "sondea" in words) == (language == "es")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"peers": [{}]}', '{"peers": [], "day": "2026-01-31"}'])
def test_a_file_of_another_form_is_not_shown(tmp_path: Path, text: str) -> None:
    file = tmp_path / "peers.json"
    file.write_text(text, encoding="utf-8")
    assert peers.read(file) is None
    assert peers.read(tmp_path / "absent.json") is None


def test_a_way_that_did_not_recover_has_no_time(measured: peers.Measured, tmp_path: Path) -> None:
    values = json.loads(peers.FIGURES.read_text(encoding="utf-8"))
    values["peers"][0]["recovers_s"] = None
    file = tmp_path / "peers.json"
    file.write_text(json.dumps(values), encoding="utf-8")
    changed = peers.read(file)
    assert changed is not None
    assert "<td>—</td>" in peers_table.draw(changed)
