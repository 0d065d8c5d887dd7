"""The answer to a page's question whether anything changed waits for a change."""

from __future__ import annotations

import asyncio

import pytest

from dashboard import frame, pulse, resources
from tests.clocks import patch_time

assert frame  # it registers the fragments

FRAGMENT = "of a test"
NEVER_S = 60.0
"""Longer than any test waits: what returns earlier has seen a change."""


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Yield the version of a fragment, which a test changes."""
    number = [0]

    class Looked:
        def look(self) -> None:
            number.append(0)  # how often it was looked, behind the version

    monkeypatch.setattr(resources, "refresher", Looked)
    monkeypatch.setitem(pulse._versions, FRAGMENT, lambda: number[0])
    return number


def test_an_answer_comes_when_the_version_changes(version: list[int]) -> None:
    async def ask() -> dict[str, str]:
        waiting = asyncio.create_task(pulse.await_change(pulse.marks([FRAGMENT]), NEVER_S))
        while len(version) < 5:  # it has looked several times, and nothing had changed
            assert not waiting.done()
            await asyncio.sleep(0.01)
        version[0] = 7
        return await waiting

    assert asyncio.run(asyncio.wait_for(ask(), 30)) == {FRAGMENT: "7"}


@pytest.mark.parametrize("drawn", ["", "another"])
def test_a_page_that_shows_another_version_is_answered_at_once(version: list[int], drawn: str) -> None:
    assert asyncio.run(asyncio.wait_for(pulse.await_change({FRAGMENT: drawn}, NEVER_S), 30)) == {FRAGMENT: "0"}


def test_without_a_change_an_answer_comes_in_the_end(version: list[int]) -> None:
    drawn = pulse.marks([FRAGMENT])
    assert asyncio.run(pulse.await_change(drawn, 0.2)) == drawn
    assert len(version) > 3


def test_a_name_of_no_fragment_is_left_out(version: list[int]) -> None:
    assert asyncio.run(pulse.await_change({"nothing": ""}, 0)) == {}


def test_many_pages_wait_at_once_and_hold_up_no_other(version: list[int]) -> None:
    """More than the server has threads: an answer that waits uses none."""

    async def ask() -> list[dict[str, str]]:
        drawn = pulse.marks([FRAGMENT])
        waiting = [asyncio.create_task(pulse.await_change(drawn, NEVER_S)) for _ in range(300)]
        await asyncio.sleep(0)
        assert await pulse.await_change({FRAGMENT: "another"}, NEVER_S) == drawn
        version[0] = 1
        return await asyncio.gather(*waiting)

    assert asyncio.run(asyncio.wait_for(ask(), 30)) == [{FRAGMENT: "1"}] * 300


def test_pages_that_changed_at_once_take_turns(version: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that are drawn at the same time wait for one another; a page alone is answered at once."""
    now, answered_at = [100.0], []

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def ask() -> None:
        for _ in range(4):
            started_at = now[0]
            await pulse.await_change({FRAGMENT: "another"})
            answered_at.append(now[0])
            now[0] = started_at  # the next page asked at the same moment

    monkeypatch.setattr(pulse, "_turns", pulse._Turns())
    monkeypatch.setattr("dashboard.pulse.asyncio.sleep", sleep)
    patch_time(monkeypatch, "dashboard.pulse", monotonic=lambda: now[0])
    asyncio.run(ask())
    assert answered_at == pytest.approx([100.0 + number * pulse.TURN_S for number in range(4)])
