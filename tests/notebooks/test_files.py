"""The notebooks as they are committed: the same code in both languages, short cells, outputs of a real run."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from lab.words import SPANISH
from settings.model import REPOSITORY

NAMES = (
    "01_command_to_event",
    "02_the_outbox",
    "03_change_data_capture",
    "04_idempotent_worker",
    "05_failure_and_replay",
    "06_from_laptop_to_cluster",
)
BOTH = [f"{language}/{name}" for name in NAMES for language in ("en", "es")]
LONGEST = 15


def cells(name: str, kind: str = "code") -> list[dict[str, Any]]:
    found = json.loads((REPOSITORY / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    return [cell for cell in found["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_there_are_six_in_each_language_and_no_others() -> None:
    found = [str(path.relative_to(REPOSITORY / "notebooks").with_suffix("")) for path in _files()]
    assert sorted(found) == sorted(BOTH)


def _files() -> list[Path]:
    return [path for language in ("en", "es") for path in (REPOSITORY / "notebooks" / language).glob("*.ipynb")]


@pytest.mark.parametrize("name", NAMES)
def test_the_code_is_the_same_in_both_languages(name: str) -> None:
    english, spanish = cells(f"en/{name}"), cells(f"es/{name}")
    assert [(cell["id"], source(cell)) for cell in english] == [(cell["id"], source(cell)) for cell in spanish]


@pytest.mark.parametrize("name", NAMES)
def test_the_text_is_told_in_the_same_places_and_is_not_the_same(name: str) -> None:
    english, spanish = cells(f"en/{name}", "markdown"), cells(f"es/{name}", "markdown")
    assert [cell["id"] for cell in english] == [cell["id"] for cell in spanish]
    assert not {source(cell) for cell in english} & {source(cell) for cell in spanish}


@pytest.mark.parametrize("name", BOTH)
def test_cells_are_short_plain_python(name: str) -> None:
    for cell in cells(name):
        text = source(cell)
        assert len(text.splitlines()) <= LONGEST, cell["id"]
        ast.parse(text)  # no magic, no shell
        assert not re.search(r"\b(subprocess|os\.system|os\.popen|get_ipython)\b", text), cell["id"]


@pytest.mark.parametrize("name", BOTH)
def test_conclusions_are_asserted_and_exercises_have_hidden_solutions(name: str) -> None:
    assert sum(source(cell).count("assert ") for cell in cells(name)) >= 4
    told = "".join(source(cell) for cell in cells(name, "markdown"))
    assert told.count("<details>") == told.count("</details>") >= 3


@pytest.mark.parametrize("name", BOTH)
def test_outputs_are_those_of_one_run_from_top_to_bottom(name: str) -> None:
    code = cells(name)
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        for output in cell["outputs"]:
            assert output["output_type"] != "error", cell["id"]
            assert output.get("name") != "stderr", output.get("text")


@pytest.mark.parametrize("name", BOTH)
def test_every_figure_has_a_picture_for_readers_without_javascript(name: str) -> None:
    shown = [output["data"] for cell in cells(name) for output in cell["outputs"] if "data" in output]
    figures = [data for data in shown if "application/vnd.plotly.v1+json" in data]
    assert figures
    assert all("image/png" in data for data in figures)


def test_the_figures_words_have_a_translation() -> None:
    text = (REPOSITORY / "lab" / "figures.py").read_text(encoding="utf-8")
    missing = {word for word in re.findall(r'said\("([^"→]+)"\)', text) if word not in SPANISH}
    assert missing == set()
