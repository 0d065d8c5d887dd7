"""One operation at a time, and a journal that outlives the process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios import journal as scenarios
from settings import Settings
from settings.model import REPOSITORY
from stacks import operation, ownership, recovery
from stacks.operation import Busy, Journal, Lapsed, alone


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(home=tmp_path / "home")
    found.run.mkdir(parents=True)
    found.data.mkdir()
    return found


class Parts:
    """Parts that only say what was asked of them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def states(self) -> list[object]:
        return [type("State", (), {"name": name}) for name in ("relay", "api")]

    def hold_part(self, part: str) -> None:
        self.asked.append(("hold", part))

    def release_part(self, part: str) -> None:
        self.asked.append(("release", part))


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    found = Parts()
    monkeypatch.setattr(operation, "control", lambda _: found)
    return found


@contextlib.contextmanager
def elsewhere(settings: Settings, what: str) -> Iterator[threading.Event]:
    """Another thread, which has locks of its own, is at it until the event is set."""
    has, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with alone(settings, what, lambda _: None):
            has.set()
            leave.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert has.wait(30)
    try:
        yield leave
    finally:
        leave.set()
        thread.join()


def test_the_second_is_refused_in_words_when_the_first_does_not_end(settings: Settings) -> None:
    with (
        elsewhere(settings, "restore"),
        pytest.raises(Busy, match=r"restore, process \d+, is under way"),
        alone(settings, "down", lambda _: None, patience_s=0.2),
    ):
        pass


def test_the_second_waits_and_says_for_what(settings: Settings) -> None:
    said: list[str] = []
    with elsewhere(settings, "up") as leave:

        def say(text: str) -> None:
            said.append(text)
            leave.set()

        with alone(settings, "up", say, patience_s=30):
            pass
    assert len(said) == 1
    assert said[0].startswith("waiting for the end of up, process")


def test_it_may_be_asked_for_again_within(settings: Settings) -> None:
    with alone(settings, "reset --all", lambda _: None), alone(settings, "down", lambda _: None, patience_s=0):
        pass


def test_a_lock_whose_file_was_deleted_locks_nobody_out_and_lets_nobody_in_twice(settings: Settings) -> None:
    with elsewhere(settings, "clean") as leave:
        (settings.run / "operation.lock").unlink()
        leave.set()
        # A third does not get in beside the second.
        with alone(settings, "up", lambda _: None, patience_s=10), pytest.raises(Busy):
            _in_another_context(settings)


def _in_another_context(settings: Settings) -> None:
    failed: list[BaseException] = []

    def attempt() -> None:
        try:
            with alone(settings, "down", lambda _: None, patience_s=0.2):
                pass
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def test_a_scenario_and_a_reset_exclude_each_other(settings: Settings) -> None:
    with (
        scenarios.scenario_lock(settings),
        pytest.raises(Busy, match="a scenario runs now"),
        operation.without_scenario(settings),
    ):
        pass
    with operation.without_scenario(settings), pytest.raises(scenarios.AnotherRuns), scenarios.scenario_lock(settings):
        pass


def test_parts_are_held_by_the_journal_and_released_at_the_end(settings: Settings, parts: Parts) -> None:
    with operation.holding(settings, "reset") as held:
        held.hold("relay", "source")
        journal = operation.read(settings)
        assert journal is not None
        assert journal.parts == ("relay", "source")
        assert journal.holds_until is not None
        assert time.time() < journal.holds_until <= time.time() + operation.HELD_S
        held.decide()
        journal = operation.read(settings)
        assert journal is not None
        assert (journal.phase, journal.holds_until) == ("decided", None)
    assert operation.read(settings) is None
    assert parts.asked == [("hold", "relay"), ("release", "relay")]


@pytest.mark.parametrize("decided", [False, True])
def test_a_failure_before_the_decision_undoes_and_one_after_it_leaves_the_journal(
    settings: Settings, parts: Parts, decided: bool
) -> None:
    with contextlib.suppress(KeyboardInterrupt), operation.holding(settings, "reset") as held:
        held.hold("relay")
        if decided:
            held.decide()
        raise KeyboardInterrupt
    assert (operation.read(settings) is not None) == decided


def test_a_hold_that_lapsed_decides_nothing(settings: Settings, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation, "HELD_S", -1.0)
    with operation.holding(settings, "reset") as held:
        held.hold("relay")
        with pytest.raises(Lapsed, match="nothing was changed"):
            held.decide()
    assert operation.read(settings) is None


def _die(home: Path) -> None:
    settings = Settings(home=home)
    setattr(operation, "control", lambda _: Parts())  # noqa: B010
    with alone(settings, "reset", lambda _: None), operation.holding(settings, "reset") as held:
        held.hold("relay")
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_journal_whose_process_was_killed_is_found_and_undone(settings: Settings, parts: Parts) -> None:
    program = f"from pathlib import Path; from {__name__} import _die; _die(Path({str(settings.home)!r}))"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    journal = operation.find_abandoned(settings)
    assert journal is not None
    with alone(settings, "recovery", lambda _: None):
        assert operation.find_abandoned(settings) is None  # somebody is at it
        assert recovery.recover(settings, lambda _: None)
    assert operation.read(settings) is None
    assert parts.asked == [("release", "relay")]


def test_what_an_operation_writes_is_this_programs(settings: Settings, parts: Parts) -> None:
    ownership.claim(ownership.INSTANCE, settings.home)
    operation.write(settings, Journal("reset", 1, "decided"))
    with alone(settings, "reset", lambda _: None), operation.without_scenario(settings):
        assert ownership.find_foreign_files(ownership.INSTANCE, settings.home) == []
