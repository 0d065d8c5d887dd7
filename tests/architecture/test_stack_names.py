"""Product code asks for facts of a stack, and for its behaviour, and not for its name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from settings.stack_facts import STACKS
from tests.architecture.test_judging import sources
from tests.architecture.test_structure import PACKAGES

FEWER_THAN = 8
"""What is left compares two values that a user chose, or asks a registry whether it has such a stack."""


def comparisons(tree: ast.AST) -> list[int]:
    """Lines where a stack's name is compared, by `==`, `in` or `match`: with a literal, or with another value."""
    lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Compare) and _speaks_of_a_stack(node)]
    cases = (node for node in ast.walk(tree) if isinstance(node, ast.MatchValue))
    return sorted(lines + [case.lineno for case in cases if _is_stack(case.value)])


def _speaks_of_a_stack(comparison: ast.Compare) -> bool:
    if isinstance(comparison.ops[0], ast.Is | ast.IsNot):  # whether a name was given
        return False
    return any(_is_stack(value) for operand in (comparison.left, *comparison.comparators) for value in _flat(operand))


def _flat(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        yield from node.elts
    else:
        yield node


def _is_stack(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value in STACKS
    return (isinstance(node, ast.Attribute) and node.attr == "stack") or (
        isinstance(node, ast.Name) and node.id == "stack"
    )


@pytest.mark.parametrize(
    "text",
    [
        'settings.stack == "embedded"',
        'stack != "native"',
        'self._settings.stack in ("compose", "external")',
        'name in {"embedded"}',
        "settings.stack not in scenario.stacks",
        "(lab.stack, 1) == (wanted, 2)",
        'match name:\n    case "native" | "other":\n        pass',
    ],
)
def test_the_look_at_comparisons_sees_this_one(text: str) -> None:
    assert len(comparisons(ast.parse(text))) == 1


def test_the_look_at_comparisons_sees_no_other() -> None:
    assert (
        comparisons(
            ast.parse('settings.facts.capture is RELAY\nstack is None\nlane == "unit"\nBEHAVIOURS[settings.stack]')
        )
        == []
    )


def test_product_code_hardly_compares_the_name_of_a_stack() -> None:
    found = [f"{name}:{line}" for name, tree in sources(*PACKAGES) for line in comparisons(tree)]
    assert len(found) < FEWER_THAN, found
