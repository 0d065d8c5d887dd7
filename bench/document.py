"""Keep a document whose sections are written by different measurements: each replaces its own and leaves the others alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from domain.errors import ExpectedError

TITLE = "# Performance"
"""The first line of a document that does not exist yet."""
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_MARKER = re.compile(r"<!-- (section|end) ")


class DocumentUnusable(ExpectedError):
    """A section cannot be written there: its markers do not match, or there is no such folder; `str(error)` says what to do."""


def require_replaceable(path: Path, name: str) -> None:
    """Check that `replace_section` can write this section, before a measurement of some minutes. Raises DocumentUnusable."""
    if path.is_dir():
        raise DocumentUnusable(f"{path} is a folder: name a file in it, such as {path / 'performance.md'}")
    if not path.parent.is_dir():
        raise DocumentUnusable(f"there is no folder {path.parent}: make it first, or name a file elsewhere")
    if not os.access(path.parent, os.W_OK):
        raise DocumentUnusable(f"this user may not write to the folder {path.parent}")
    if path.exists():
        _find(_read(path), name, path)


def replace_section(path: Path, name: str, text: str) -> None:
    """Write `text` (Markdown that begins with its own `##` heading) as the section `name` of a document.

    A section lies between the comments `<!-- section NAME -->` and `<!-- end NAME -->`, and stays where it is; a new
    one is appended. A document that does not exist is begun with TITLE. The file is replaced whole or not at all.
    Raises DocumentUnusable when a marker is missing or repeated, ValueError for a name other than lower-case letters, digits and
    hyphens or for a text with markers of its own, and OSError.
    """
    document = _read(path) if path.exists() else f"{TITLE}\n"
    replaced = _replace(document, name, text, path)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(replaced, encoding="utf-8")
    partial.replace(path)


def read_section(path: Path, name: str) -> str | None:
    """Return the text of a section without its markers, None without such a section. Raises DocumentUnusable and OSError."""
    document = _read(path)
    bounds = _find(document, name, path)
    if bounds is None:
        return None
    begin, _ = _markers(name)
    return document[bounds[0] + len(begin) : bounds[1]].strip("\n") + "\n"


def _read(path: Path) -> str:
    """Raise DocumentUnusable or OSError."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DocumentUnusable(f"{path} is no text in UTF-8: {error}") from error


def _replace(document: str, name: str, text: str, path: Path) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"a section's name has lower-case letters, digits and hyphens only: {name!r}")
    if _MARKER.search(text):
        raise ValueError(f"the text of the section {name} has markers of a section in it")
    begin, end = _markers(name)
    bounds = _find(document, name, path)
    section = "\n\n".join([begin, text.strip("\n"), end])
    if bounds is None:
        return "\n\n".join([document.rstrip("\n"), section]) + "\n"
    return document[: bounds[0]] + section + document[bounds[1] + len(end) :]


def _find(document: str, name: str, path: Path) -> tuple[int, int] | None:
    """Return where the first and the last marker of a section begin, None without any. Raise DocumentUnusable."""
    begin, end = _markers(name)
    counts = document.count(begin), document.count(end)
    if counts == (0, 0):
        return None
    bounds = document.find(begin), document.find(end)
    if counts != (1, 1) or bounds[0] > bounds[1]:
        raise DocumentUnusable(
            f"the section {name} of {path} must have one line `{begin}` and, after it, one line `{end}`:"
            " put them right, or delete both, and run the command again"
        )
    return bounds


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- section {name} -->", f"<!-- end {name} -->"


def render_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield f"| {' | '.join(titles)} |"
    yield f"|{'|'.join('---' for _ in titles)}|"
    for row in rows:
        yield f"| {' | '.join(f'{cell:g}' if isinstance(cell, float) else str(cell) for cell in row)} |"
