"""A binlog that went back is noticed, also when it has become longer again, and no other binlog is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from db.engine import connect
from scenarios import mysql_server
from settings import Settings, load
from stacks.native import binlog_history, binlog_reader
from stacks.native.binlog_history import BinlogEnd, BinlogWatch

FIRST_START, NEXT_START = 1_000_000, 1_000_100


def end(number: int, size: int, started_at: int = FIRST_START) -> BinlogEnd:
    return BinlogEnd(f"mysql-bin.{number:06d}", size, started_at)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(stack="native", home=tmp_path)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[BinlogEnd | None]:
    """What the server answers; the last one is asked."""
    given: list[BinlogEnd | None] = [None]
    monkeypatch.setattr(BinlogWatch, "_read_end", lambda _: given[-1])
    return given


@pytest.mark.parametrize(
    ("earlier", "later", "follows"),
    [
        (end(2, 800), end(2, 800), True),
        (end(2, 800), end(2, 900), True),
        (end(2, 800), end(3, 157), True),
        (end(2, 800), end(2, 799), False),  # RESET MASTER, or an older file
        (end(2, 800), end(1, 9000), False),
        (end(9, 800), end(10, 157), True),
        (end(999_999, 800), BinlogEnd("mysql-bin.1000000", 157, FIRST_START), True),
        (end(2, 800), end(3, 157, NEXT_START), True),
        (end(2, 800), end(5, 157, NEXT_START), True),
        (end(2, 800), end(2, 9000, NEXT_START), False),  # it passed the old end before anybody looked
        (end(2, 800), end(2, 900, FIRST_START + 1), True),  # the same start, rounded otherwise
    ],
)
def test_a_binlog_that_went_back_is_told_from_one_that_went_on(
    earlier: BinlogEnd, later: BinlogEnd, follows: bool
) -> None:
    assert later.can_follow(earlier) == follows


@given(steps=st.lists(st.one_of(st.just("restart"), st.just("next file"), st.integers(0, 10_000)), max_size=40))
def test_no_life_of_a_server_looks_like_an_older_directory(steps: list[str | int]) -> None:
    number, size, started_at = 1, 157, FIRST_START
    for step in steps:
        earlier = end(number, size, started_at)
        if isinstance(step, int):
            size += step
        else:
            number, size = number + 1, 157
            started_at += 60 if step == "restart" else 0
        assert end(number, size, started_at).can_follow(earlier)


@given(
    before=st.tuples(st.integers(1, 50), st.integers(157, 10_000)),
    age=st.integers(1, 49),
    size=st.integers(157, 10**9),
)
def test_a_directory_that_is_older_by_a_file_is_noticed_at_the_first_look(
    before: tuple[int, int], age: int, size: int
) -> None:
    """Its server starts, and begins the file behind its last one: at most the one that the newer directory wrote to."""
    number, end_size = before
    older = max(1, number - age)
    assert not end(min(older + 1, number), size, NEXT_START).can_follow(end(number, end_size))


def test_it_is_known_until_the_capture_begins_anew(settings: Settings, answers: list[BinlogEnd | None]) -> None:
    for answer in (end(2, 800), None, end(2, 900)):
        answers.append(answer)
        BinlogWatch(settings).look()
    assert not binlog_history.has_gone_back(settings)
    for answer in (end(2, 300, NEXT_START), None, end(2, 5000, NEXT_START), end(7, 157, NEXT_START + 60)):
        answers.append(answer)
        BinlogWatch(settings).look()  # a new watcher each time: it outlives the process
        assert binlog_history.has_gone_back(settings)
    binlog_history.forget(settings)
    assert not binlog_history.has_gone_back(settings)
    BinlogWatch(settings).look()
    assert binlog_history.read(settings) == answers[-1]
    assert not binlog_history.has_gone_back(settings)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"file": 1}', '{"other": "mysql-bin.000001"}'])
def test_a_damaged_record_is_no_knowledge(settings: Settings, answers: list[BinlogEnd | None], text: str) -> None:
    binlog_history.path(settings).parent.mkdir(parents=True, exist_ok=True)
    binlog_history.path(settings).write_text(text)
    assert binlog_history.read(settings) is None
    answers.append(end(2, 800))
    BinlogWatch(settings).look()
    assert binlog_history.read(settings) == end(2, 800)


def test_the_server_is_asked_where_the_watcher_has_its_own_users_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container of the compose stack, which has no URL of the application's user."""
    asked: list[str] = []

    def connect_to_another(url: str, pool_size: int) -> Engine:
        asked.append(url)
        return connect(f"sqlite:///{tmp_path}/other.db", pool_size)  # it cannot answer the question

    monkeypatch.setattr(binlog_reader, "connect", connect_to_another)
    values = {"database_worker_url": "mysql+pymysql://alpes_worker:x@mysql:3306/alpes", "debezium_password": "secret"}
    settings = load(stack="compose", home=tmp_path, **values)
    BinlogWatch(settings).look()
    assert asked == ["mysql+pymysql://debezium:secret@mysql:3306/alpes"]
    assert binlog_history.read(settings) is None


@pytest.mark.parametrize("stack", ["embedded", "external"])
def test_no_server_of_others_is_asked(tmp_path: Path, stack: str) -> None:
    BinlogWatch(load(stack=stack, home=tmp_path)).look()
    assert not binlog_history.path(load(stack=stack, home=tmp_path)).exists()


def test_the_newest_binlogs_of_a_directory_are_removed(tmp_path: Path) -> None:
    names = [f"mysql-bin.{number:06d}" for number in range(1, 5)]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "mysql-bin.index").write_text("".join(f"./{name}\n" for name in names))
    mysql_server.remove_binlogs_from(tmp_path, names[2])
    assert sorted(path.name for path in tmp_path.iterdir()) == [*names[:2], "mysql-bin.index"]
    assert (tmp_path / "mysql-bin.index").read_text() == "./mysql-bin.000001\n./mysql-bin.000002\n"
