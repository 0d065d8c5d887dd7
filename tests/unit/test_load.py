"""A load's clients: each has its routes, and none waits for another."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from application import Application
from scenarios.api_client import AccessRefused
from scenarios.load import CommandStream, Load
from scenarios.routes import Acknowledged, Promise
from scenarios.waiting import JudgeFailed, until
from settings import Settings


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    with Application(Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'a.db'}")) as application:
        yield application


class Way:
    def __init__(self, name: str, answer: Acknowledged | Promise) -> None:
        self.name, self.answer, self.closed = name, answer, False
        self.kinds: list[str] = []

    def send(self, command: object) -> Acknowledged | Promise:
        self.kinds.append(type(command).__name__)
        return self.answer

    def close(self) -> None:
        self.closed = True


@contextmanager
def running(load: Load) -> Iterator[Load]:
    load.start()
    try:
        yield load
    finally:
        load.stop()


def test_each_pair_of_routes_has_a_client_and_promises_are_remembered(application: Application) -> None:
    http, topic = Way("HTTP", Acknowledged("c-1", ("e-1",))), Way("topic", Promise("approve", "c-1"))
    other_http, other_topic = Way("HTTP", Acknowledged("c-1", ("e-1",))), Way("topic", Promise("approve", "c-1"))
    stream = CommandStream(1, str(uuid.uuid4()))
    pairs = [(http, http), (other_http, topic), (other_topic, None)]
    with running(Load(application, stream, 1000, pairs)) as load:
        until(lambda: all(len(way.kinds) > 2 for way in (http, topic, other_topic)), 30, "each client sends")
    assert all(way.closed for way in (http, other_http, topic, other_topic))
    assert http.kinds[:3] == ["CalculateCommission", "ApproveCommission", "CalculateCommission"]
    assert (set(topic.kinds), set(other_topic.kinds)) == ({"ApproveCommission"}, {"CalculateCommission"})
    assert load.acknowledged_by["topic"] == len(load.promised) == len(topic.kinds) + len(other_topic.kinds)
    assert load.event_ids == {"e-1"}


def test_a_client_that_gets_no_answer_holds_up_no_other(application: Application) -> None:
    answered = threading.Event()

    class Frozen(Way):
        def send(self, command: object) -> Acknowledged | Promise:
            answered.wait(30)
            return super().send(command)

    frozen, other = Frozen("in process", Acknowledged("c-1", ())), Way("HTTP", Acknowledged("c-1", ()))
    with running(Load(application, CommandStream(1, str(uuid.uuid4())), 1000, [(frozen, None), (other, None)])):
        until(lambda: len(other.kinds) >= 20, 30, "the other client sends")
        assert frozen.kinds == []
        answered.set()


def test_a_load_that_died_tells_whoever_waits_for_it(application: Application) -> None:
    class Broken(Way):
        def send(self, command: object) -> Acknowledged | Promise:
            raise AccessRefused("the API lets nobody in here")

    broken = Broken("HTTP", Acknowledged("", ()))
    with (
        running(Load(application, CommandStream(1, str(uuid.uuid4())), 100, [(broken, None)])) as load,
        pytest.raises(JudgeFailed, match="lets nobody in"),
    ):
        load.wait_for_more(1)


def test_threads_share_a_stream_of_commands() -> None:
    stream = CommandStream(1, str(uuid.uuid4()))
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: [next(stream).conversion_id for _ in range(500)], range(8)))
    assert len({conversion_id for part in taken for conversion_id in part}) == 8 * 500
