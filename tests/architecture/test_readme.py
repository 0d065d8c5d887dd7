"""The README is worth the same in both languages, and the architecture names every package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from settings.model import REPOSITORY
from tests.architecture.test_structure import PACKAGES

ENGLISH, SPANISH = REPOSITORY / "README.md", REPOSITORY / "README.es.md"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def _commands(text: str) -> list[str]:
    """The lines of all code blocks, without their comments, which are translated."""
    return [re.sub(r"\s+#.*", "", line) for block in _blocks(text) for line in block.splitlines()]


def _structure(text: str) -> list[str]:
    """For each line what it is, where that matters: heading with its level, row of a table with its columns, step."""
    kinds = []
    for line in re.sub(r"^```.*?^```$", "code", text, flags=re.DOTALL | re.MULTILINE).splitlines():
        if heading := re.match(r"#+ ", line):
            kinds.append(heading[0])
        elif line.startswith("|"):
            kinds.append(f"row of {line.count('|') - 1}")
        elif re.match(r"\d\. ", line) or line == "code":
            kinds.append(line[:2])
    return kinds


def _code_spans(text: str) -> set[str]:
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)}


def _links(text: str) -> list[str]:
    """Targets of the links, without the language, in order of their names."""
    targets = re.findall(r"\]\(([^)]+)\)", text)
    return sorted(re.sub(r"-(en|es)\.png", ".png", target) for target in targets if not target.startswith("README"))


@pytest.mark.parametrize("look", [_commands, _structure, _code_spans, _links])
def test_both_languages_have_the_same(look: object) -> None:
    assert callable(look)
    english, spanish = look(_read(ENGLISH)), look(_read(SPANISH))
    assert len(english) > 10
    assert english == spanish


def test_each_language_links_to_the_other() -> None:
    assert "](README.es.md)" in _read(ENGLISH)
    assert "](README.md)" in _read(SPANISH)


def test_neither_is_a_summary_of_the_other() -> None:
    """Spanish needs some more words than English for the same."""
    assert 0.95 < len(_read(SPANISH).split()) / len(_read(ENGLISH).split()) < 1.3


@pytest.mark.parametrize("path", [ENGLISH, SPANISH, REPOSITORY / "ARCHITECTURE.md"], ids=lambda path: path.name)
def test_every_linked_file_exists(path: Path) -> None:
    targets = {target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", _read(path))}
    assert [
        target for target in targets if target and "://" not in target and not (path.parent / target).exists()
    ] == []


def test_the_architecture_has_a_picture_and_names_every_package() -> None:
    text = _read(REPOSITORY / "ARCHITECTURE.md")
    assert "```mermaid\nflowchart" in text
    rows = "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    assert {name for name in PACKAGES if f"`{name}`" not in rows} == set()


def test_the_look_at_commands_sees_a_difference() -> None:
    assert _commands("```sh\n./alpes up   # starts\n```") == ["./alpes up"]
    assert _structure("# a\n\n| x | y |\n1. z\n") == ["# ", "row of 2", "1."]
