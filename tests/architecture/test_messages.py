"""What the program tells people is a message: a registered code with its parameters. Nobody reads a sentence again."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import dashboard.catalogues as _all_packages  # noqa: F401 — it imports every package that registers messages
from application import crash_points
from domain import message
from settings.model import REPOSITORY
from tests.architecture.test_structure import PACKAGES

MAKER = Path("domain/message.py")
OTHER_PROGRAMS = {
    "api/problems.py",
    "connectors/source.py",
    "stacks/compose/cli.py",
    "stacks/compose/checks/dockerfile.py",
}
"""Files that look for words of Pydantic, Pulsar and Docker, which have no codes."""
LOOKING = {
    *("compile", "match", "search", "fullmatch", "findall", "sub"),
    *("startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split"),
}
SENTENCE = re.compile(r"[a-z]{2,} [a-z]{2,}")


def _tree(path: Path) -> ast.Module:
    return ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))


def _sources() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            yield path.relative_to(REPOSITORY), _tree(path)


def _speaking() -> Iterator[tuple[Path, ast.Module]]:
    """Every module that imports the class; a module of another class `Message` is none of them."""
    for path, tree in _sources():
        imports = (node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "domain.message")
        if any(alias.name == "Message" for node in imports for alias in node.names):
            yield path, tree


def _made(tree: ast.AST) -> Iterator[ast.Call]:
    """Every `Message(…)` in the code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Message":
            yield node


def _codes(call: ast.Call) -> set[str]:
    """The codes that a call may have: the one that is written there, or all that begin as the f-string does."""
    match call.args:
        case [ast.Constant(value=str(code))]:
            return {code}
        case [ast.JoinedStr(values=[ast.Constant(value=str(beginning)), ast.FormattedValue()])]:
            return {code for code in message.registered() if code.startswith(beginning)}
    return set()


def wrong_messages(tree: ast.AST) -> list[int]:
    """Lines that make a message of an unknown code, or with other parameters than its template has places."""
    templates = message.registered()
    wrong = []
    for call in _made(tree):
        given = {word.arg for word in call.keywords}
        codes = _codes(call)
        if not codes or any(code not in templates or message.places(templates[code]) != given for code in codes):
            wrong.append(call.lineno)
    return wrong


def sentences_read(tree: ast.AST) -> list[int]:
    """Lines that look for the words of a sentence in a text."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) or (isinstance(node, ast.Call) and getattr(node.func, "attr", "") in LOOKING):
            words = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
            if any(isinstance(word, str) and SENTENCE.search(word) for word in words):
                found.add(node.lineno)
    return sorted(found)


def test_every_message_in_the_code_is_registered_with_its_places() -> None:
    made = [(str(path), wrong_messages(tree)) for path, tree in _speaking()]
    assert [each for each in made if each[1]] == []


def test_every_registered_message_is_said_somewhere() -> None:
    said = {
        code for _path, tree in [*_speaking(), (MAKER, _tree(MAKER))] for call in _made(tree) for code in _codes(call)
    }
    assert message.registered().keys() - said == set()


def test_every_crash_point_has_its_message() -> None:
    points = {code for code in message.registered() if code.partition(".")[0] == "point"}
    assert points == {f"point.{name}" for name in crash_points.POINTS}


def test_no_code_reads_a_sentence() -> None:
    read = [(str(path), sentences_read(tree)) for path, tree in _sources() if str(path) not in OTHER_PROGRAMS]
    assert [each for each in read if each[1]] == []


@pytest.mark.parametrize(
    "text", ["Message('run.unheard')", "Message('detail.lost')", "Message('run.healthy', n=1)", "Message(code, n=1)"]
)
def test_the_look_at_messages_can_fail(text: str) -> None:
    assert wrong_messages(ast.parse(text)) == [1]
    assert wrong_messages(ast.parse("Message('detail.lost', n=1)")) == []


@pytest.mark.parametrize(
    "text",
    [
        "re.compile(r'no sign of life for (\\d+) s')",
        "health.detail.startswith('held down')",
        "text == 'nothing lost'",
        "'held down' in text",
    ],
)
def test_the_look_at_sentences_can_fail(text: str) -> None:
    assert sentences_read(ast.parse(text)) == [1]
