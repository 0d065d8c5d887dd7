"""Send the messages of a run of the page together, so that the browser draws them at once.

A refresh has a dozen messages. Streamlit sends each as soon as the script has made it: this wakes the server's event loop three
times per message while the script needs the processor, and the browser draws the page again for every few of them. Here the event
loop gets them when the run ends, or `HOLD_S` after the first one when the run takes longer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import ScriptRunner, ScriptRunnerEvent

HOLD_S = 0.1
"""Longer than a refresh usually takes, and too short to be noticed on the first elements of a long run."""


class Burst:
    """The events of a session's runs that its event loop has not handled yet, oldest first.

    The threads of the runs add events, and the event loop takes them.
    """

    def __init__(self, session: AppSession) -> None:
        self._session = session
        self._events: deque[Callable[[], None]] = deque()
        self._is_timed = False

    def add(self, event: Callable[[], None], is_message: bool) -> None:
        """Add an event. A message may wait for the next ones; anything else is handled at once, after what waits."""
        self._events.append(event)
        if not is_message:
            self._session._call_soon_on_event_loop(self._handle)
        elif not self._is_timed:
            self._is_timed = True
            self._session._call_soon_on_event_loop(self._handle_soon)

    def _handle_soon(self) -> None:
        self._session._event_loop.call_later(HOLD_S, self._handle)

    def _handle(self) -> None:
        # In this order: an event that is added from now on starts a timer of its own.
        self._is_timed = False
        while self._events:
            event = self._events.popleft()
            try:
                event()
            except Exception as error:  # as the event loop does: an event that fails keeps none of the others
                context = {"message": "an event of a page's run failed", "exception": error}
                self._session._event_loop.call_exception_handler(context)


def _add_event(session: AppSession, sender: ScriptRunner | None, event: ScriptRunnerEvent, **details: Any) -> None:
    burst = session.__dict__.setdefault("_alpes_burst", Burst(session))
    handle = partial(session._handle_scriptrunner_event_on_event_loop, sender, event, **details)
    burst.add(handle, event is ScriptRunnerEvent.ENQUEUE_FORWARD_MSG)


def send_bursts() -> None:
    """Send the messages of every session of this server in bursts from now on."""
    AppSession._on_scriptrunner_event = _add_event  # type: ignore[method-assign,assignment]
