"""Code goes from English to Spanish; text stays the translator's."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="./alpes notebooks installs it")
notebooks = pytest.importorskip("lab.notebooks", reason="./alpes notebooks installs what it needs")


def write(path: Path, *cells: tuple[str, str, str]) -> None:
    path.parent.mkdir(exist_ok=True)
    make = {"code": nbformat.v4.new_code_cell, "text": nbformat.v4.new_markdown_cell}
    made = [make[kind](source, id=name) for kind, name, source in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)


def test_sync_carries_changed_new_and_removed_code_and_leaves_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    english = [("text", "t1", "One"), ("code", "c1", "a = 2"), ("code", "c2", "b = 1"), ("text", "t2", "Two")]
    write(tmp_path / "en" / "n.ipynb", *english)
    write(tmp_path / "es" / "n.ipynb", ("text", "t1", "Uno"), ("code", "c1", "a = 1"), ("code", "old", "x"))
    assert notebooks.sync() == ["n"]
    found = nbformat.read(tmp_path / "es" / "n.ipynb", as_version=4).cells
    assert [(cell.id, cell.source) for cell in found] == [("t1", "Uno"), ("c1", "a = 2"), ("c2", "b = 1")]
    assert notebooks.sync() == []


def test_the_plan_is_all_on_embedded_and_the_two_that_differ_on_native() -> None:
    plan = notebooks.plan()
    assert len(plan["embedded"]) == 12
    assert [path.stem[:2] for path in plan["native"]] == ["03", "05"]
    assert {path.stem[:2] for path in notebooks.plan("04", "native")["native"]} == {"04"}


def test_a_sample_takes_both_languages_and_in_two_days_each_notebook() -> None:
    days = [notebooks.plan(sample=True, day=day) for day in range(738_000, 738_004)]
    everything = {path.stem for path in notebooks.paths(languages=("en",))}
    for today, tomorrow in itertools.pairwise(days):
        assert {path.stem for path in [*today["embedded"], *tomorrow["embedded"]]} == everything
        assert {path.parent.name for path in today["embedded"]} == {"en", "es"}
        assert len(today["native"]) == 1
    assert {path for day in days for path in day["embedded"]} == set(notebooks.paths())


def test_a_stack_has_its_part_of_the_sample() -> None:
    sample = notebooks.plan(sample=True)
    for stack in ("embedded", "native"):
        assert notebooks.plan(sample=True, stack=stack) == {stack: sample[stack]}
