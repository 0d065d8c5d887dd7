"""The decision records have one form, and their index names all of them as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from settings.model import REPOSITORY

FOLDER = REPOSITORY / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
STATUS = re.compile(r"(Accepted|Superseded) (\d{4}-\d\d-\d\d)(?: by (\d{4}))?\.")


def _row(path: Path) -> tuple[str, str, str, str, str]:
    """(number, file name, title, date, status) of a record. Fails where it lacks one."""
    heading, blank, status_line, *_rest = path.read_text(encoding="utf-8").split("\n")
    number, _dot, title = heading.removeprefix("# ").partition(". ")
    status = STATUS.fullmatch(status_line)
    assert status, f"{path.name}: the third line is 'Accepted YYYY-MM-DD.' or 'Superseded YYYY-MM-DD by NNNN.'"
    assert heading.startswith("# ")
    assert blank == ""
    assert title
    assert number == path.name[:4]
    by = f" by {status[3]}" if status[3] else ""
    return number, path.name, title, status[2], status[1].lower() + by


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_the_common_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    _row(path)
    paragraphs = text.strip().split("\n\n")
    assert len(paragraphs) >= 4, "heading, status, at least one paragraph, and when to reopen it"
    assert re.match(r"\*\*Reopen when\*\* \S.*\.$", paragraphs[-1], re.DOTALL)
    assert text.count("Reopen when") == 1


def test_the_index_names_every_record_as_it_is() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\d{4})\]\(([^)]+)\) \| (.+) \| (\S+) \| (.+) \|$", index, re.MULTILINE)
    assert rows == [_row(path) for path in RECORDS]
    assert len(rows) > 40


def test_numbers_are_given_once() -> None:
    numbers = [path.name[:4] for path in RECORDS]
    assert len(set(numbers)) == len(numbers)
