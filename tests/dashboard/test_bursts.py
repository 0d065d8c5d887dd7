"""Test that the messages of a run of the page reach the event loop together, in order, and none waits for long."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import ScriptRunnerEvent

from dashboard import bursts
from scenarios.waiting import until

MESSAGE, STARTED, STOPPED = (
    ScriptRunnerEvent.ENQUEUE_FORWARD_MSG,
    ScriptRunnerEvent.SCRIPT_STARTED,
    ScriptRunnerEvent.SCRIPT_STOPPED_WITH_SUCCESS,
)


class Session:
    """Stands for Streamlit's session: it records what its event loop handles."""

    _call_soon_on_event_loop = AppSession._call_soon_on_event_loop

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._event_loop = loop
        self.handled: list[tuple[Any, float]] = []

    def _handle_scriptrunner_event_on_event_loop(self, _sender: object, event: object, forward_msg: Any = None) -> None:
        if forward_msg == "broken":
            raise ValueError(forward_msg)
        self.handled.append((event if forward_msg is None else forward_msg, time.monotonic()))

    @property
    def events(self) -> list[Any]:
        return [event for event, _at in self.handled]


@pytest.fixture
def session() -> Any:
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _loop, _context: None)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield Session(loop)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def add(session: Any, event: ScriptRunnerEvent, **details: Any) -> None:
    bursts._add_event(session, None, event, **details)


def test_messages_wait_until_the_run_ends_and_come_in_order(session: Any) -> None:
    add(session, STARTED)
    for number in range(20):
        add(session, MESSAGE, forward_msg=number)
    add(session, STOPPED)
    until(lambda: len(session.handled) == 22, 10, "all events")
    assert session.events == [STARTED, *range(20), STOPPED]


def test_the_first_messages_of_a_long_run_arrive_before_it_ends(session: Any) -> None:
    add(session, MESSAGE, forward_msg="first")
    until(lambda: session.events == ["first"], 10, "the first message")
    add(session, MESSAGE, forward_msg="second")
    until(lambda: session.events == ["first", "second"], 10, "the second message")


def test_a_message_that_fails_keeps_none_of_the_others(session: Any) -> None:
    for message in ("before", "broken", "after"):
        add(session, MESSAGE, forward_msg=message)
    add(session, STOPPED)
    until(lambda: session.events == ["before", "after", STOPPED], 10, "the other events")


def test_what_streamlit_schedules_after_the_end_of_a_run_comes_after_it(session: Any) -> None:
    """Streamlit shows an error of its own so: the end of the run, a run without contents, and then the error."""
    loop, scheduled = session._event_loop, threading.Event()

    def end_and_schedule() -> None:
        add(session, MESSAGE, forward_msg="last")
        for event in (STOPPED, STARTED, STOPPED):
            add(session, event)
        session._call_soon_on_event_loop(lambda: session.handled.append(("error", 0.0)))
        scheduled.set()

    loop.call_soon_threadsafe(end_and_schedule)
    until(lambda: len(session.handled) == 5, 10, "all events")
    assert session.events == ["last", STOPPED, STARTED, STOPPED, "error"]


def test_a_message_waits_for_no_longer_than_it_may(session: Any) -> None:
    added_at = time.monotonic()
    add(session, MESSAGE, forward_msg="alone")
    until(lambda: bool(session.handled), 10, "the message")
    assert session.handled[0][1] - added_at >= bursts.HOLD_S


@given(st.lists(st.sampled_from([MESSAGE, STARTED, STOPPED]), max_size=40))
def test_any_sequence_of_events_is_handled_whole_and_in_order(events: list[ScriptRunnerEvent]) -> None:
    loop = asyncio.new_event_loop()
    session = Session(loop)
    expected = []
    for number, event in enumerate([*events, STOPPED]):
        add(session, event, **({"forward_msg": number} if event is MESSAGE else {}))
        expected.append(number if event is MESSAGE else event)

    async def wait() -> None:
        while len(session.handled) < len(expected):
            await asyncio.sleep(0)

    loop.run_until_complete(asyncio.wait_for(wait(), 10))
    loop.close()
    assert session.events == expected


def test_streamlit_hands_over_its_events_where_the_burst_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AppSession, "_on_scriptrunner_event", AppSession._on_scriptrunner_event)
    bursts.send_bursts()
    assert vars(AppSession)["_on_scriptrunner_event"] is bursts._add_event
    assert callable(AppSession._handle_scriptrunner_event_on_event_loop)
