"""Components are asked side by side: one that does not answer neither delays nor hides the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from domain.message import Message, verbatim
from settings import Settings, load
from stacks import health
from stacks.part_health import PartHealth
from stacks.probes import Probes
from stacks.processes import free_port


@pytest.fixture
def frozen() -> Iterator[threading.Event]:
    """An event that a question waits for; it is set at the test's end, so that no thread stays."""
    thawed = threading.Event()
    yield thawed
    thawed.set()


def test_every_question_that_is_answered_in_time_has_its_answer(frozen: threading.Event) -> None:
    probes: Probes[str] = Probes()
    questions: dict[str, Callable[[], str]] = {"a": lambda: "1", "b": lambda: str(frozen.wait()), "c": lambda: "3"}
    began = time.monotonic()
    assert probes.ask(questions, 0.3) == {"a": "1", "b": None, "c": "3"}
    assert time.monotonic() - began < 5


def test_an_unanswered_question_is_not_asked_again_and_a_late_answer_is_not_used(frozen: threading.Event) -> None:
    probes: Probes[int] = Probes()
    asked: list[int] = []

    def ask() -> int:
        asked.append(len(asked))
        number = asked[-1]
        frozen.wait()
        return number

    assert [probes.ask({"a": ask}, 0.05) for _ in range(5)] == [{"a": None}] * 5
    assert asked == [0]
    frozen.set()
    _join("probe a")
    assert probes.ask({"a": ask}, 5) == {"a": 1}


def test_what_a_question_raises_is_raised() -> None:
    def ask() -> int:
        raise ValueError("broken")

    probes: Probes[int] = Probes()
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            probes.ask({"a": ask}, 5)


@pytest.mark.parametrize("stack", ["embedded", "native"])
def test_a_frozen_database_is_down_and_hides_no_other_component(
    stack: str, engine: Engine, tmp_path: Path, frozen: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a port of its own: an instance may run beside the tests.
    settings = load(stack=stack, home=tmp_path, pulsar_admin_url="http://127.0.0.1:1", api_port=free_port())
    monkeypatch.setattr(health, "ANSWERS_WITHIN_S", 0.3)
    monkeypatch.setattr(health, "_database", lambda engine: _never(frozen))
    monkeypatch.setattr(health, "_broker", lambda settings: PartHealth("broker", "ok", Message("health.answers")))
    monkeypatch.setattr(health, "capture_of", lambda settings: _FrozenCapture(frozen))
    healths = {row.part: row for row in health.check(settings, engine)}
    assert (healths["database"].light, healths["broker"].light) == ("down", "ok")
    assert healths["api"].message.code == "health.nothing_answers"
    capture = healths[settings.facts.capture.component]
    assert capture.light == ("down" if capture.part == "relay" else "behind")  # no relay runs here
    assert list(healths)[:3] == ["database", capture.part, "broker"]


def test_a_capture_that_is_down_says_why_although_the_database_is_down_too(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Settings = load(stack="native", home=tmp_path, pulsar_admin_url="http://127.0.0.1:1")
    monkeypatch.setattr(health, "_database", lambda engine: PartHealth("database", "down", verbatim("refused")))
    healths = {row.part: row for row in health.check(settings, engine)}
    assert healths["source"].light == "down"
    assert "127.0.0.1:1" in healths["source"].detail


def test_who_asks_is_not_asked(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(stack="embedded", home=tmp_path, without=())
    asked: list[str] = []

    def answer(part: str, _host: str, _port: int) -> PartHealth:
        asked.append(part)
        return PartHealth(part, "ok", Message("health.answers"))

    monkeypatch.setattr(health, "_server", answer)
    parts = [row.part for row in health.check(settings, engine, except_for="dashboard")]
    assert asked == ["api"]
    assert "dashboard" not in parts
    assert "dashboard" in [row.part for row in health.check(settings, engine)]


class _FrozenCapture:
    def __init__(self, thawed: threading.Event) -> None:
        self._thawed = thawed

    def check(self, engine: Engine) -> PartHealth:
        return _never(self._thawed)


def _never(thawed: threading.Event) -> PartHealth:
    thawed.wait()
    return PartHealth("database", "ok", Message("health.answers"))


def _join(name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(5)
