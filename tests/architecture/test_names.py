"""Names in product code say what they hold: no variable, parameter, field, function, class or module has one of these."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.architecture.test_glossary import listed
from tests.architecture.test_judging import sources
from tests.architecture.test_structure import PACKAGES

FORBIDDEN = frozenset(listed("Names that a test looks for"))
IN_JSON = {
    ("cli/doctor.py", "what"),
    ("scenarios/differences.py", "seen"),
    ("stacks/resolving.py", "kept"),
}
"""Fields whose names are keys of a command's JSON output, which other programs read."""


def forbidden_names(tree: ast.AST) -> Iterator[str]:
    """Yield each forbidden name that is bound, as it is written; leading and trailing underscores do not count."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                pass
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                pass
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                pass
            case ast.ExceptHandler(name=str(name)) | ast.alias(asname=str(name)):
                pass
            case _:
                continue
        if name.strip("_").lower() in FORBIDDEN:
            yield name


@pytest.mark.parametrize(
    "text",
    [
        "found = 3",
        "found: int = 3",
        "self.found = 3",
        "for each in rows: pass",
        "[one for one in rows]",
        "lambda told: told",
        "def write(*, what): pass",
        "def _said(): pass",
        "class Asked: pass",
        "if (seen := read()): pass",
        "with read() as kept: pass",
        "match row:\n    case {'id': known}: pass",
        "match row:\n    case {'id': 1, **others}: pass",
        "try: read()\nexcept OSError as what: pass",
        "import module as thing",
    ],
)
def test_each_way_to_bind_a_name_is_seen(text: str) -> None:
    assert len(list(forbidden_names(ast.parse(text)))) == 1


def test_a_name_that_says_what_it_holds_may_contain_such_a_word() -> None:
    tree = ast.parse("match_count, known_ids = 3, {4}\nrow['found'] = message(what=5)")
    assert list(forbidden_names(tree)) == []


def test_no_name_is_one_of_them() -> None:
    assert len(FORBIDDEN) > 20
    bound = set()
    for path, tree in sources(*PACKAGES):
        assert PurePosixPath(path).stem not in FORBIDDEN, path
        bound |= {(path, name) for name in forbidden_names(tree)}
    assert bound == IN_JSON
