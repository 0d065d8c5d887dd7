"""Keep a document whose sections are written by different measurements: each replaces its own and leaves the others alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from domain.errors import ExpectedError

TITLE = "# Performance"
"""The first line of a document that does not exist yet."""
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_MARKER = re.compile(r"<!-- (section|end) ")


class DocumentDamaged(ExpectedError):
    """The markers of a section do not match, so nothing was written; `str(error)` names the section and the file."""


def replace_section(path: Path, name: str, text: str) -> None:
    """Write `text` (Markdown that begins with its own `##` heading) as the section `name` of a document.

    A section lies between the comments `<!-- section NAME -->` and `<!-- end NAME -->`, and stays where it is; a new
    one is appended. A document that does not exist is begun with TITLE. The file is replaced whole or not at all.
    Raises DocumentDamaged when a marker is missing or repeated, ValueError for a name other than lower-case letters, digits and
    hyphens or for a text with markers of its own, and OSError.
    """
    document = path.read_text(encoding="utf-8") if path.exists() else f"{TITLE}\n"
    replaced = _replace(document, name, text, path)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(replaced, encoding="utf-8")
    partial.replace(path)


def read_section(path: Path, name: str) -> str | None:
    """Return the text of a section without its markers, None without such a section. Raises DocumentDamaged and OSError."""
    document = path.read_text(encoding="utf-8")
    bounds = _find(document, name, path)
    if bounds is None:
        return None
    begin, _ = _markers(name)
    return document[bounds[0] + len(begin) : bounds[1]].strip("\n") + "\n"


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
    """Return where the first and the last marker of a section begin, None without any. Raise DocumentDamaged."""
    begin, end = _markers(name)
    counts = document.count(begin), document.count(end)
    if counts == (0, 0):
        return None
    bounds = document.find(begin), document.find(end)
    if counts != (1, 1) or bounds[0] > bounds[1]:
        raise DocumentDamaged(
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
