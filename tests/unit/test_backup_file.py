"""Test which files a back-up replaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings import Settings
from stacks import backup


@pytest.mark.parametrize("content", [b"precious", b"", b'{"a": 1}\n', b"[1]\n", b"\xff\xfe", b"7"])
def test_a_file_that_is_no_back_up_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(content)
    with pytest.raises(backup.NotABackup, match=r"mine\.txt"):
        backup.backup(Settings(home=tmp_path / "home"), path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_surrogate_pair_is_written_as_its_escape(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    with backup._new_private_file(path) as file:
        backup._write_line(file, {"text": "caf\u00e9 \ud800"})
    assert path.read_text(encoding="utf-8") == '{"text":"caf\u00e9 \\ud800"}\n'
