"""Read scenario runs for the page: which one is under way, their timelines and their results."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass

from application import Application
from application.permissions import Action, Caller, is_allowed
from dashboard.i18n import Visitor, _, date_time, language, number, speaking_to
from dashboard.view_models import scenario_words, words
from db.errors import DatabaseUnavailable
from domain.message import Message, extract_message
from scenarios import evidence, journal, runner
from scenarios.evidence import Reader
from scenarios.journal import Run, UnknownRun
from scenarios.model import Moment, Result, Sample, Scenario
from settings import Settings

HISTORY = 30
MOST_RESULTS = 8


@dataclass(frozen=True, slots=True)
class RunsState:
    current: str | None
    """The id of the run that is under way."""
    history: tuple[Run, ...]
    """Newest first."""
    last_verdicts: tuple[Run, ...] = ()
    """Of each scenario the newest run with a verdict on this stack; not only those of the history."""
    problem: Message | None = None
    """Why the history may be old: the database does not answer; None if it does."""


class RunsReader:
    """Read and cache runs. One thread calls `read`; any thread may call the other methods."""

    def __init__(self, settings: Settings, application: Application) -> None:
        self._settings, self._application = settings, application
        self._history: tuple[Run, ...] = ()
        self._last_verdicts: tuple[Run, ...] = ()
        self._lock = threading.Lock()
        self._results: OrderedDict[str, Result] = OrderedDict()
        self._json: dict[str, bytes] = {}
        self._evidence: dict[tuple[str, Visitor], bytes] = {}
        self._moments: dict[str, list[Moment]] = {}
        self._samples: dict[str, list[Sample]] = {}

    def read(self) -> RunsState:
        current, problem = runner.current(self._settings), None
        try:
            with self._application.reading() as connection:
                before, self._history = self._history, tuple(journal.list_runs(connection, HISTORY))
                if before != self._history:
                    self._last_verdicts = tuple(journal.list_last_verdicts(connection, self._settings.stack))
        except DatabaseUnavailable as error:
            problem = extract_message(error)
        return RunsState(current, self._history, self._last_verdicts, problem)

    def moments(self, run_id: str) -> list[Moment]:
        """Return the timeline of a run so far; only what was added since the last call is parsed."""
        with self._lock:
            if run_id not in self._moments:
                self._moments = {run_id: []}
                self._timeline = journal.Timeline(self._settings, run_id)
            try:
                self._moments[run_id] += self._timeline.read_new()
            except (UnknownRun, ValueError):
                return []
            return list(self._moments[run_id])

    def samples(self, run_id: str) -> list[Sample]:
        """Return the counts of a run so far; only what was added since the last call is parsed."""
        with self._lock:
            if run_id not in self._samples:
                self._samples = {run_id: []}
                self._counts = journal.Samples(self._settings, run_id)
            try:
                self._samples[run_id] += self._counts.read_new()
            except (UnknownRun, ValueError, TypeError):
                return []
            return list(self._samples[run_id])

    def result(self, run_id: str) -> Result | None:
        """Return the result of a finished run, cached; None if it was stopped, or file and database are unavailable."""
        with self._lock:
            if run_id in self._results:
                self._results.move_to_end(run_id)
                return self._results[run_id]
        try:
            result = journal.load_result(self._settings, run_id)
            if result is None:
                with self._application.reading() as connection:
                    result = journal.load_stored_result(connection, run_id)
        except (DatabaseUnavailable, ValueError, TypeError, LookupError, OSError):
            result = None
        if result is not None:
            with self._lock:
                self._results[run_id] = result
                while len(self._results) > MOST_RESULTS:
                    self._results.popitem(last=False)
        return result

    def as_json(self, result: Result) -> bytes:
        """Return the result as JSON, cached: the same bytes keep their URL, so that a refresh ends no download."""
        with self._lock:
            data = self._json.get(result.run_id)
            if data is None:
                self._json = {result.run_id: (data := json.dumps(result.to_json(), indent=2).encode())}
            return data

    def evidence(self, result: Result, visitor: Visitor) -> bytes:
        """Return the evidence as HTML in the visitor's language; cached for the same reason as `as_json`."""
        key = (result.run_id, visitor)
        with self._lock:
            html = self._evidence.get(key)
            if html is None:
                self._evidence = {key: (html := render_evidence(result, visitor))}
            return html

    def take_evidence(self, result: Result, visitor: Visitor) -> bytes:
        """Return the evidence, and keep its file if that is allowed, which is checked again here.

        The tour recognises by this file that the evidence was downloaded.
        """
        if is_allowed(self._settings, Action.RUN_SCENARIOS, Caller.PAGE):
            self.keep_evidence(result, visitor)
        return self.evidence(result, visitor)

    def keep_evidence(self, result: Result, visitor: Visitor) -> None:
        """Write the evidence next to the run's records, because a visitor downloaded it."""
        folder = journal.folder(self._settings, result.run_id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "evidence.html").write_bytes(self.evidence(result, visitor))


def render_evidence(result: Result, visitor: Visitor) -> bytes:
    """Return the evidence as HTML. The visitor's session need not exist any more: a download is made after the page."""
    with speaking_to(visitor):
        reader = Reader(
            language=language(),
            say=words.translate,
            translate=_,
            format_number=number,
            format_time=lambda at: date_time(at, visitor.zone),
            name_component=words.part,
            name_count=lambda name: scenario_words.count(name)[0],
            name_figure=scenario_words.figure,
            places=words.places(),
        )
        return evidence.render_html(result, reader).encode()


def hindrance(scenario: Scenario, settings: Settings, busy: bool, down: tuple[str, ...]) -> str | None:
    """Return why the scenario cannot be started now: `other_stack`, `busy` or `ill`; None if it can."""
    if not scenario.runs_on(settings.stack, settings.cluster, settings.capture):
        return "other_stack"
    if busy:
        return "busy"
    return "ill" if down else None


def stem(result: Result) -> str:
    """Return the name, without suffix, of the files that are downloaded for a run."""
    return f"{result.name}-{result.stack}-{result.run_id[:8]}"


def elapsed_s(moments: list[Moment], now: float) -> float:
    return max(0.0, now - moments[0].at) if moments else 0.0
