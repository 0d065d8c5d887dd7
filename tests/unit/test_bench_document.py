"""Each measurement replaces its own section of the document, and nothing else of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.document import TITLE, DocumentUnusable, read_section, replace_section, require_replaceable
from cli import flames, peers, recovering, reporting, scaling
from scenarios import end_to_end


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "performance.md"


def test_a_new_document_has_a_title_and_the_section(path: Path) -> None:
    replace_section(path, "peers", "## Peers\n\nfast\n")
    assert path.read_text(encoding="utf-8") == (
        f"{TITLE}\n\n<!-- section peers -->\n\n## Peers\n\nfast\n\n<!-- end peers -->\n"
    )


def test_a_section_is_replaced_where_it_is_and_the_rest_stays_byte_for_byte(path: Path) -> None:
    path.write_text("# Mine\n\nby hand  \n", encoding="utf-8")
    for name in ("path", "peers", "scale"):
        replace_section(path, name, f"## {name}\n\nold\n")
    before = path.read_text(encoding="utf-8")
    replace_section(path, "peers", "## peers\n\nnew figures\n")
    assert path.read_text(encoding="utf-8") == before.replace("## peers\n\nold", "## peers\n\nnew figures")


def test_the_same_text_again_changes_nothing(path: Path) -> None:
    replace_section(path, "peers", "## Peers")
    before = path.read_bytes()
    replace_section(path, "peers", "## Peers\n")
    assert path.read_bytes() == before


def test_a_name_that_begins_another_name_is_another_section(path: Path) -> None:
    replace_section(path, "scale-rows", "## rows")
    replace_section(path, "scale", "## scale")
    replace_section(path, "scale", "## scale again")
    assert read_section(path, "scale-rows") == "## rows\n"
    assert read_section(path, "scale") == "## scale again\n"
    assert read_section(path, "peers") is None


@pytest.mark.parametrize(
    "document",
    [
        "<!-- section peers -->\n",
        "<!-- end peers -->\n",
        "<!-- end peers -->\n<!-- section peers -->\n",
        "<!-- section peers -->\n<!-- section peers -->\n<!-- end peers -->\n",
    ],
)
def test_a_document_whose_markers_do_not_match_is_left_alone(path: Path, document: str) -> None:
    path.write_text(document, encoding="utf-8")
    with pytest.raises(DocumentUnusable, match=r"the section peers of .* must have one line"):
        replace_section(path, "peers", "## Peers")
    assert path.read_text(encoding="utf-8") == document
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["", "Peers", "two words", "-->"])
def test_a_name_that_could_break_a_comment_is_refused(path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="lower-case letters"):
        replace_section(path, name, "## Peers")


def test_a_text_with_markers_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="has markers"):
        replace_section(path, "peers", "<!-- section scale -->")
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [
        ("nowhere/performance.md", b"", "make it first"),
        ("folder", b"", "is a folder"),
        ("damaged.md", b"<!-- section peers -->", "must have one line"),
        ("image.png", b"\x89PNG\xff", "is no text in UTF-8"),
    ],
)
def test_a_document_that_cannot_be_written_is_refused(tmp_path: Path, name: str, content: bytes, advice: str) -> None:
    (tmp_path / "folder").mkdir()
    if content:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DocumentUnusable, match=advice):
        require_replaceable(tmp_path / name, "peers")


@pytest.mark.parametrize(
    "measure",
    [flames.bench_flame, peers.bench_peers, recovering.bench_recovery, reporting.bench_report, scaling.bench_scale],
)
def test_it_is_refused_before_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measure: Callable[..., None]
) -> None:
    monkeypatch.setattr(end_to_end, "running", lambda *_, **__: pytest.fail("it begins to measure"))
    with pytest.raises(DocumentUnusable, match="make it first"):
        measure(file=tmp_path / "nowhere" / "performance.md")
