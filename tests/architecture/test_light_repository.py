"""The repository stays quick to clone: nothing large is committed, and nothing that no reader opens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from settings.model import REPOSITORY
from tests.architecture.test_structure import committed

KB = 1024
LIMITS_KB = {".ipynb": 300, ".png": 150}
ANY_FILE_KB = 300
"""The largest others are the locked requirements, which grow with every package."""


def _with_suffix(suffix: str) -> list[Path]:
    return [path for path in committed() if path.suffix == suffix]


def test_no_committed_file_is_larger_than_its_kind_may_be() -> None:
    too_large = {
        str(path.relative_to(REPOSITORY)): path.stat().st_size // KB
        for path in committed()
        if path.stat().st_size > LIMITS_KB.get(path.suffix, ANY_FILE_KB) * KB
    }
    assert too_large == {}, "in KB; `./alpes notebooks --save` and ALPES_SCREENSHOTS=1 write small pictures"


def test_every_screenshot_is_shown_by_a_document() -> None:
    shown = {
        (document.parent / link).resolve()
        for document in _with_suffix(".md")
        for link in re.findall(r"\]\(([^)#\s]+\.png)\)", document.read_text(encoding="utf-8"))
    }
    screenshots = {path.resolve() for path in _with_suffix(".png") if path.parent.name == "screenshots"}
    assert screenshots
    assert shown == screenshots


def test_no_catalogue_repeats_the_language_of_its_texts() -> None:
    catalogues = _with_suffix(".po")
    assert catalogues
    for path in catalogues:
        with path.open("rb") as file:
            entries = [entry for entry in read_po(file) if entry.id]
        repeated = [entry.id for entry in entries if entry.id == entry.string]
        assert len(repeated) < len(entries) / 4, path


@pytest.mark.parametrize("folder", ["notebooks/en", "notebooks/es"])
def test_both_languages_of_the_notebooks_are_committed(folder: str) -> None:
    """The limits above hold of something."""
    assert len([path for path in _with_suffix(".ipynb") if path.parent == REPOSITORY / folder]) >= 6
