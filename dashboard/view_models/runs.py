"""Scenario runs for the page: which one is under way, what each said so far, and what it found."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass

from application import Application
from application.permissions import Action, Caller, is_allowed
from db.errors import DatabaseUnavailable
from scenarios import evidence, journal, runner
from scenarios.journal import Run, UnknownRun
from scenarios.model import Moment, Result, Scenario
from settings import Settings

HISTORY = 30
KEPT = 8


@dataclass(frozen=True, slots=True)
class RunsState:
    current: str | None
    """The id of the run that is under way."""
    history: tuple[Run, ...]
    """Newest first."""
    problem: str | None = None
    """Why the history is not the newest: the database does not answer."""


class RunsReader:
    """`read` is called by one thread; the rest by any."""

    def __init__(self, settings: Settings, application: Application) -> None:
        self._settings, self._application = settings, application
        self._history: tuple[Run, ...] = ()
        self._lock = threading.Lock()
        self._results: OrderedDict[str, Result] = OrderedDict()
        self._json: dict[str, bytes] = {}
        self._evidence: dict[str, bytes] = {}
        self._moments: dict[str, list[Moment]] = {}

    def read(self) -> RunsState:
        current, problem = runner.current(self._settings), None
        try:
            with self._application.reading() as connection:
                self._history = tuple(journal.list_runs(connection, HISTORY))
        except DatabaseUnavailable as error:
            problem = str(error)
        return RunsState(current, self._history, problem)

    def moments(self, run_id: str) -> list[Moment]:
        """Its timeline so far; only what was added since the last look is read as JSON."""
        with self._lock:
            if run_id not in self._moments:
                self._moments = {run_id: []}
                self._timeline = journal.Timeline(self._settings, run_id)
            try:
                self._moments[run_id] += self._timeline.read_new()
            except (UnknownRun, ValueError):
                return []
            return list(self._moments[run_id])

    def result(self, run_id: str) -> Result | None:
        """What a finished run found; read once. None when it was stopped, or the database is away and so is its file."""
        with self._lock:
            if run_id in self._results:
                self._results.move_to_end(run_id)
                return self._results[run_id]
        try:
            found = journal.load_result(self._settings, run_id)
            if found is None:
                with self._application.reading() as connection:
                    found = journal.load_stored_result(connection, run_id)
        except (DatabaseUnavailable, ValueError, TypeError, LookupError, OSError):
            found = None
        if found is not None:
            with self._lock:
                self._results[run_id] = found
                while len(self._results) > KEPT:
                    self._results.popitem(last=False)
        return found

    def as_json(self, found: Result) -> bytes:
        """Made once: the same bytes keep the same address in the page, so that drawing it anew ends no download."""
        with self._lock:
            made = self._json.get(found.run_id)
            if made is None:
                self._json = {found.run_id: (made := json.dumps(found.to_json(), indent=2).encode())}
            return made

    def evidence(self, found: Result) -> bytes:
        """The HTML, some 5 MB; made once, for the same reason."""
        with self._lock:
            made = self._evidence.get(found.run_id)
            if made is None:
                self._evidence = {found.run_id: (made := evidence.render_html(found).encode())}
            return made

    def take_evidence(self, found: Result) -> bytes:
        """Return the evidence and keep it, by which the tour knows that it was taken. Asks again whether that is allowed."""
        if is_allowed(self._settings, Action.RUN_SCENARIOS, Caller.PAGE):
            self.keep_evidence(found)
        return self.evidence(found)

    def keep_evidence(self, found: Result) -> None:
        """Beside the run's records, once somebody took it away."""
        folder = journal.folder(self._settings, found.run_id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "evidence.html").write_bytes(self.evidence(found))


def hindrance(scenario: Scenario, stack: str, busy: bool, down: tuple[str, ...]) -> str | None:
    """Why it cannot be started now: other_stack, busy or ill; None when it can."""
    if not scenario.runs_on(stack):
        return "other_stack"
    if busy:
        return "busy"
    return "ill" if down else None


def stem(result: Result) -> str:
    """Of the files its evidence is downloaded as."""
    return f"{result.name}-{result.stack}-{result.run_id[:8]}"


def elapsed_s(moments: list[Moment], now: float) -> float:
    return max(0.0, now - moments[0].at) if moments else 0.0
