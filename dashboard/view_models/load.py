"""Send a load of N commands at R per second in a separate thread; the page shows the progress and can cancel it."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, replace

from application import Application
from application.permissions import Action, Caller, require
from db.errors import DatabaseUnavailable
from domain.commands import CalculateCommission
from domain.errors import Refusal
from domain.message import Message, extract_message

MOST = 100_000
FASTEST = 1_000


@dataclass(frozen=True, slots=True)
class Progress:
    correlation_id: str = ""
    total: int = 0
    rate: int = 0
    sent: int = 0
    """Commands that were committed."""
    failed: int = 0
    """Commands that were not committed: refused, or the database was unavailable."""
    seconds: float = 0.0
    state: str = "idle"
    """idle, running, done or cancelled."""
    problem: Message | None = None


class AlreadyRunning(Exception):
    """A load is running already; there is one at a time."""


class Load:
    """Send loads, one at a time, for all sessions; any thread may read `progress` at any time."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self.progress = Progress()

    def start(self, total: int, rate: int) -> str:
        """Start a load; return its correlation id. Raises AlreadyRunning, Forbidden, or ValueError (out of range)."""
        require(self._application.settings, Action.ISSUE_COMMANDS, Caller.PAGE)
        if not (1 <= total <= MOST and 1 <= rate <= FASTEST):
            raise ValueError(f"1 to {MOST} commands at 1 to {FASTEST} a second")
        with self._lock:
            if self.progress.state == "running":
                raise AlreadyRunning
            self._cancel.clear()
            correlation_id = str(uuid.uuid4())
            self.progress = Progress(correlation_id, total, rate, state="running")
        threading.Thread(target=self._run, args=(total, rate, correlation_id), name="load", daemon=True).start()
        return correlation_id

    def cancel(self) -> None:
        self._cancel.set()

    def _run(self, total: int, rate: int, correlation_id: str) -> None:
        began = time.monotonic()
        for number in range(total):
            # Wait for each command's planned time, and not a fixed pause: so slow commands do not lower the rate.
            if self._cancel.wait(max(0.0, began + number / rate - time.monotonic())):
                break
            problem = self._send(correlation_id)
            with self._lock:
                now = self.progress
                self.progress = replace(
                    now,
                    sent=now.sent + (problem is None),
                    failed=now.failed + (problem is not None),
                    seconds=time.monotonic() - began,
                    problem=problem or now.problem,
                )
        with self._lock:
            self.progress = replace(self.progress, state="cancelled" if self._cancel.is_set() else "done")

    def _send(self, correlation_id: str) -> Message | None:
        command = CalculateCommission(str(uuid.uuid4()), "aff-load", "cmp-1", "120.50", "USD", correlation_id)
        try:
            self._application.send(command)
        except (DatabaseUnavailable, Refusal) as error:
            return extract_message(error)
        return None
