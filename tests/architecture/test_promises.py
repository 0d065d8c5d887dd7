"""The table of promises is complete: what it names exists, and every property, scenario and mutant stands in it."""

from __future__ import annotations

import re

import pytest

from mutants.catalogue import mutants
from scenarios.catalogue import scenarios
from scenarios.messages import CHECKS
from scenarios.properties import PROPERTIES
from settings.model import REPOSITORY
from tests.history_mutations import MUTATIONS

TABLE = REPOSITORY / "docs" / "promises.md"
MODULES = set(mutants())
DEFECTS = {mutate.__name__ for mutations in MUTATIONS.values() for mutate in mutations}
PLACES = {"README", "contracts", "page"}
EVERY = "every scenario"


def rows(text: str) -> list[list[str]]:
    """Return the cells of each promise: promise, stated in, checked by, scenarios, mutants."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def names(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def unknown(row: list[str]) -> set[str]:
    """Return what a row names and nobody has, and the names of columns that say nothing."""
    _promise, stated, checked, run, broken_by = row
    wrong = set(stated.split(", ")) - PLACES
    wrong |= {
        name for name in names(checked) if name not in (PROPERTIES | CHECKS) and not (REPOSITORY / name).is_file()
    }
    wrong |= names(run) - scenarios().keys() - {"chaos", "matrix"}
    wrong |= names(broken_by) - MODULES - DEFECTS - PROPERTIES.keys()
    columns = (("checked by", checked), ("scenarios", run), ("mutants", broken_by))
    return wrong | {column for column, cell in columns if not names(cell) and cell != EVERY}


@pytest.fixture(scope="module")
def promises() -> list[list[str]]:
    return rows(TABLE.read_text(encoding="utf-8"))


def test_everything_that_the_table_names_exists(promises: list[list[str]]) -> None:
    assert len(promises) >= len(PROPERTIES)
    assert all(len(row) == 5 and all(row) for row in promises)
    assert {row[0]: wrong for row in promises if (wrong := unknown(row))} == {}


@pytest.mark.parametrize(
    ("column", "existing"),
    [(2, set(PROPERTIES)), (3, set(scenarios())), (4, MODULES), (4, DEFECTS)],
    ids=["properties", "scenarios", "mutants", "defects"],
)
def test_everything_that_exists_is_in_the_table(promises: list[list[str]], column: int, existing: set[str]) -> None:
    named = set().union(*(names(row[column]) for row in promises))
    assert existing - named == set()


def test_each_property_is_broken_by_a_defect_of_its_own_row(promises: list[list[str]]) -> None:
    for name, mutations in MUTATIONS.items():
        broken_by = set().union(*(names(row[4]) for row in promises if name in names(row[2])))
        assert broken_by & {mutate.__name__ for mutate in mutations}, name


def test_the_look_at_the_table_can_fail() -> None:
    sound = ["x", "README", "`in_order`", "`replay`", "`swap_two`"]
    assert unknown(sound) == set()
    assert unknown(["x", "a blog", "`no_such`", "`no-such`", "`no_such_mutant`"]) == {
        "a blog",
        "no_such",
        "no-such",
        "no_such_mutant",
    }
    assert unknown(["x", "page", "", "", ""]) == {"checked by", "scenarios", "mutants"}
