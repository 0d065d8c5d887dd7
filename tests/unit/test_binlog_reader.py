"""Who reads the binlog is asked as Debezium's user, who sees its own connections; nothing else is a missing reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.engine import connect
from settings import Settings, load
from stacks.native import binlog_reader
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


def test_the_admin_user_is_asked_where_the_watcher_has_no_password_of_debezium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in production, where the broker alone has it."""
    asked: list[str] = []

    def connect_to_another(url: str, pool_size: int) -> Engine:
        asked.append(url)
        return connect(f"sqlite:///{tmp_path}/other.db", pool_size)  # it cannot answer the question

    monkeypatch.setattr(binlog_reader, "connect", connect_to_another)
    url = "mysql+pymysql://alpes_admin:x@mysql:3306/alpes"
    watch = ReaderWatch(load(stack="compose", home=tmp_path, database_admin_url=url))
    assert not watch.is_gone()
    assert asked == [url]
