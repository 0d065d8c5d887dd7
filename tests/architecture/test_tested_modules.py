"""Every module of the product is imported by a test, and no function is longer than a screen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from settings.model import REPOSITORY
from tests.architecture.test_structure import PACKAGES, committed

NOT_IMPORTED = {
    "cli.__main__": "runs the command line when it is imported; tests/unit/test_exit_codes.py runs it",
    "cli.matrix": "tests/scenarios/test_matrix.py runs the command",
    "dashboard.app": "the server's script; tests/dashboard/test_raw_messages.py runs it",
    "dashboard.page": "the script of each run of a page; tests/dashboard/test_drawn_pages.py runs it",
    "dashboard.components.run_scenario": "the button of two pages; tests/browser/test_comparison_page.py presses it",
    "dashboard.screens.comparison": "tests/dashboard/test_drawn_pages.py draws it as every page",
    "db.migrations.env": "run by Alembic at every migration",
    "scenarios.capture_messages": "a table; tests/unit/test_messages.py compares all templates with their translations",
    "scenarios.catalogue.commands_topic": "tests/scenarios/test_verdicts.py runs it on a stack",
    "scenarios.fault_messages": "a table; tests/unit/test_messages.py compares all templates with their translations",
    "scenarios.judge_messages": "a table; tests/unit/test_messages.py compares all templates with their translations",
    "scenarios.matrix.confirming": "tests/scenarios/test_matrix.py measures each fault on a stack",
    "scenarios.outbox_rows": "asks MySQL's root; tests/scenarios/test_verdicts.py runs it on a stack",
    "stacks.healer": "a protocol alone: its methods have no bodies",
    "stacks.proxy.__main__": "a process; tests/scenarios/test_matrix.py starts it",
    "workers.injected": "asked in a worker's process; tests/scenarios/test_verdicts.py injects failures",
    "workers.process": "the start of every worker's process",
}
"""Module → why no test imports it."""
RUN_BY_NAME = ("db.migrations.versions.", "mutants.catalogue.")
"""Packages whose modules tests run without naming them: each migration, and each mutant."""

MOST_LINES = 50


def _modules() -> set[str]:
    """Return the names of the product's modules, packages without code left out."""
    names = set()
    for path in committed():
        place = path.relative_to(REPOSITORY)
        if path.suffix == ".py" and place.parts[0] in PACKAGES and _has_code(path):
            names.add(".".join(place.with_suffix("").parts).removesuffix(".__init__"))
    return names


def _has_code(path: Path) -> bool:
    """Return whether a module has more than a docstring."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(path.read_text(encoding="utf-8")).body)


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Yield every name that may be a module and is imported, by a statement or by `importorskip` of a written name."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)
            case ast.Call(func=ast.Attribute(attr="importorskip"), args=[ast.Constant(value=str(name)), *_]):
                yield name


def functions_above(tree: ast.AST, most: int) -> list[str]:
    """Return the functions with more lines than `most`, which a table of data may have: one statement, no branch."""
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > most
        and not _is_table(node)
    ]


def _is_table(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether all that a function does, besides its docstring, is to return one literal."""
    statements = [node for node in function.body if not isinstance(node, ast.Expr)]
    return len(statements) == 1 and isinstance(statements[0], ast.Return) and isinstance(statements[0].value, ast.Dict)


def test_every_module_is_imported_by_a_test() -> None:
    imported: set[str] = set()
    for path in committed():
        if path.suffix == ".py" and path.relative_to(REPOSITORY).parts[0] == "tests":
            imported.update(imported_names(ast.parse(path.read_text(encoding="utf-8"))))
    missing = {name for name in _modules() - imported if not name.startswith(RUN_BY_NAME)}
    assert sorted(missing) == sorted(NOT_IMPORTED)


def test_no_function_is_longer_than_a_screen() -> None:
    for path in committed():
        if path.suffix == ".py" and path.relative_to(REPOSITORY).parts[0] in (*PACKAGES, "tests"):
            found = functions_above(ast.parse(path.read_text(encoding="utf-8")), MOST_LINES)
            # Migrations spell out what may not change any more.
            assert found == [] or "versions" in path.parts, f"{path.relative_to(REPOSITORY)}: {found}"


def test_no_file_has_more_than_three_hundred_lines() -> None:
    for path in committed():
        if path.suffix == ".py" and path.relative_to(REPOSITORY).parts[0] in (*PACKAGES, "tests"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a.b", ["a.b"]),
        ("from a.b import c, d as e", ["a.b", "a.b.c", "a.b.d"]),
        ("x = pytest.importorskip('a.b', reason='x')", ["a.b"]),
        ("from . import a", []),
        ("import_module('a.b')", []),
    ],
)
def test_what_counts_as_an_import(text: str, names: list[str]) -> None:
    assert list(imported_names(ast.parse(text))) == names


@pytest.mark.parametrize(
    ("body", "found"),
    [("    x = 1\n    x = 2", ["f"]), ("    return {\n        1: 2,\n    }", []), ("    pass", [])],
)
def test_a_long_function_is_found_unless_it_is_a_table(body: str, found: list[str]) -> None:
    assert functions_above(ast.parse(f"def f():\n{body}"), 2) == found
