"""Who reads the binlog is asked as Debezium's user, who sees its own connections; nothing else is a missing reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings import Settings, load
from stacks.native.binlog_reader import ReaderWatch, connect_as_debezium


def test_without_the_password_nobody_is_asked(tmp_path: Path) -> None:
    settings = Settings(stack="external", home=tmp_path)
    assert connect_as_debezium(settings) is None
    assert not ReaderWatch(settings).is_gone()


def test_a_server_that_does_not_answer_has_no_missing_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "mysql+pymysql://alpes_worker:x@127.0.0.1:1/alpes"
    watch = ReaderWatch(load(stack="external", home=tmp_path, database_worker_url=url, debezium_password="secret"))
    answers = monkeypatch.context()
    with answers as patch:
        patch.setattr(watch, "_read_ids", lambda: {3})
        assert not watch.is_gone()
    assert not watch.is_gone()  # the port refuses


def test_a_reader_is_missed_until_the_capture_is_restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = ReaderWatch(Settings(stack="native", home=tmp_path))
    answers: list[set[int] | None] = [set(), {3}, {4}, None, set(), set()]
    monkeypatch.setattr(watch, "_read_ids", lambda: answers.pop(0))
    assert [watch.is_gone() for _ in range(6)] == [False, False, False, False, True, True]
    watch.forget()
    answers += [set(), {5}, set()]
    assert [watch.is_gone() for _ in range(3)] == [False, False, True]
