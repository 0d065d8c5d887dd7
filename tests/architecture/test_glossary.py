"""The documents use the glossary's terms."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from settings.model import REPOSITORY
from tests.architecture.test_structure import committed

GLOSSARY = REPOSITORY / "docs" / "glossary.md"
DOCUMENTS = [path for path in committed() if path.suffix in (".md", ".ipynb") and path != GLOSSARY]


def _rows() -> list[list[str]]:
    lines = GLOSSARY.read_text(encoding="utf-8").splitlines()
    tables = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in tables if row[0] != "term"]


def listed(title: str) -> list[str]:
    """The words and phrases that a section of the glossary lists."""
    _before, _heading, rest = GLOSSARY.read_text(encoding="utf-8").partition(f"## {title}\n")
    section = rest.partition("\n## ")[0]
    bullets = [line for line in section.splitlines() if line.startswith("- ")]
    return [phrase for bullet in bullets for phrase in re.findall(r"`([^`]+)`", bullet)]


def _text(path: Path) -> str:
    """A document's text; of a notebook the cells without their outputs."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    return text


def phrases_in(text: str, phrases: list[str]) -> list[str]:
    """Those of the phrases that the text contains as whole words, wherever its lines break."""
    flat = " ".join(text.split())
    return [phrase for phrase in phrases if re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", flat, re.IGNORECASE)]


def test_every_term_has_a_meaning_and_a_spanish_term() -> None:
    rows = _rows()
    assert len(rows) > 80
    for row in rows:
        assert len(row) == 4, row
        assert all(row[:3]), row
    terms = [row[0] for row in rows]
    assert len(set(terms)) == len(terms)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_document_has_a_phrase_that_the_glossary_replaced(path: Path) -> None:
    assert phrases_in(_text(path), listed("Phrases that a test looks for")) == []


def test_the_look_at_phrases_can_fail() -> None:
    assert len(listed("Phrases that a test looks for")) >= 10
    assert phrases_in("It goes on, whatever\nhappens.", ["whatever", "goes\non", "for good"]) == ["whatever"]
