"""Record a run: its timeline in a file, its row in the database, its result in both.

The file is in the instance's home, so the timeline continues while the database is down.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from db.errors import DatabaseUnavailable, translated
from db.tables import scenario_run
from domain.clock import utc_now
from domain.errors import ExpectedError
from domain.message import Message
from scenarios.model import Moment, Result, Sample, result_from_json, with_messages
from settings import Settings
from settings.shared_files import hand_over
from stacks.pruning import RUN_ID


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the history shows it."""

    id: str
    name: str
    stack: str
    seed: int
    state: str
    """running, finished, or stopped before its verdict."""
    verdict: str | None
    started_at: datetime
    finished_at: datetime | None


class AnotherRuns(ExpectedError):
    """A scenario is already running in this instance, and two would judge each other's faults; or step mode holds the events."""


class UnknownRun(ExpectedError, LookupError):
    """No run has this id."""


def folder(settings: Settings, run_id: str) -> Path:
    """Return the folder of a run. Raises UnknownRun for a text that is not a run id and might name another folder."""
    if not RUN_ID.fullmatch(run_id):
        raise UnknownRun(f"{run_id!r} is not the id of a run; `./alpes scenario runs` lists them")
    return settings.data / "scenarios" / run_id


@contextmanager
def scenario_lock(settings: Settings, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the instance's scenario lock. Raises AnotherRuns when another process holds it for longer than `patience_s`.

    `is_scenario_running` holds the lock for a moment, which a little patience outlasts.
    """
    settings.run.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_s
    with (settings.run / "scenario.lock").open("w") as lock:
        hand_over(settings.run / "scenario.lock")
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise AnotherRuns("another scenario runs now; wait for its verdict, or stop it") from None
                time.sleep(0.01)
        yield


def is_scenario_running(settings: Settings) -> bool:
    """Return whether a scenario is running now."""
    try:
        with scenario_lock(settings):
            return False
    except AnotherRuns:
        return True


class Journal:
    """The records of one run, written by the process that runs the scenario."""

    def __init__(self, settings: Settings, engine: Engine, run_id: str) -> None:
        self._engine = engine
        self._run_id = run_id
        self._folder = folder(settings, run_id)
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in (self._folder.parent, self._folder):
            hand_over(path)
        self._file = (self._folder / "timeline.jsonl").open("a", encoding="utf-8")
        self._samples = (self._folder / "samples.jsonl").open("a", encoding="utf-8")
        self.moments: list[Moment] = []

    def say(self, kind: str, message: Message, data: Mapping[str, Any] | None = None) -> None:
        """Add an entry to the timeline."""
        moment = Moment.of(time.time(), kind, message, data)
        self.moments.append(moment)
        self._file.write(json.dumps(asdict(moment)) + "\n")
        self._file.flush()

    def sample(self, counts: Sample) -> None:
        """Add counts to the file that shows the progress of the run."""
        self._samples.write(json.dumps(asdict(counts)) + "\n")
        self._samples.flush()

    def begin(self, name: str, stack: str, seed: int) -> None:
        """Insert the run's row. Raises DatabaseUnavailable."""
        values = {"id": self._run_id, "name": name, "stack": stack, "seed": seed, "state": "running"}
        with translated(), self._engine.begin() as connection:
            is_abandoned = scenario_run.c.state == "running"  # its process was killed, or it would hold the lock
            connection.execute(update(scenario_run).where(is_abandoned).values(state="stopped", finished_at=utc_now()))
            connection.execute(insert(scenario_run).values(**values, started_at=utc_now()))

    def end(self, state: str, load_result: Result | None) -> None:
        """Write the result to the file, and then to the row unless the database is unavailable."""
        values = None if load_result is None else load_result.to_json()
        if values is not None:
            temporary = self._folder / "result.tmp"
            temporary.write_text(json.dumps(values), encoding="utf-8")
            temporary.replace(self._folder / "result.json")
        with suppress(DatabaseUnavailable), translated(), self._engine.begin() as connection:
            connection.execute(
                update(scenario_run)
                .where(scenario_run.c.id == self._run_id)
                .values(
                    state=state,
                    verdict=None if load_result is None else load_result.verdict,
                    finished_at=utc_now(),
                    result=values,
                )
            )

    def close(self) -> None:
        self._file.close()
        self._samples.close()


def read_timeline(settings: Settings, run_id: str) -> list[Moment]:
    """Return the timeline so far. Raises UnknownRun. To follow a run, keep a `Timeline` instead."""
    return Timeline(settings, run_id).read_new()


class GrowingFile:
    """A file of lines of a run: each call of `read_new` reads only the lines written since the call before."""

    def __init__(self, settings: Settings, run_id: str, name: str) -> None:
        self._run_id = run_id
        self._path = folder(settings, run_id) / name
        self._read_bytes = 0

    def read_new(self) -> list[Any]:
        """Return the documents of the new lines, oldest first. Raises UnknownRun."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_bytes)
                new_bytes = file.read()
        except FileNotFoundError:
            raise UnknownRun(f"no run {self._run_id}; `./alpes scenario runs` lists them") from None
        complete_lines = new_bytes[: new_bytes.rfind(b"\n") + 1]  # the last line may be incomplete
        self._read_bytes += len(complete_lines)
        return [json.loads(line) for line in complete_lines.splitlines()]


class Timeline:
    """A run's timeline as it grows."""

    def __init__(self, settings: Settings, run_id: str) -> None:
        self._file = GrowingFile(settings, run_id, "timeline.jsonl")

    def read_new(self) -> list[Moment]:
        """Return the new entries, oldest first. Raises UnknownRun."""
        return [Moment(**with_messages(document)) for document in self._file.read_new()]


class Samples:
    """The counts of a run as they grow."""

    def __init__(self, settings: Settings, run_id: str) -> None:
        self._file = GrowingFile(settings, run_id, "samples.jsonl")

    def read_new(self) -> list[Sample]:
        """Return the new samples, oldest first. Raises UnknownRun."""
        return [Sample(**document) for document in self._file.read_new()]


def load_result(settings: Settings, run_id: str) -> Result | None:
    """Return the result of a run from its file, or None while it runs and when it was stopped."""
    try:
        return result_from_json(json.loads((folder(settings, run_id) / "result.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def load_stored_result(connection: Connection, run_id: str) -> Result | None:
    """Return the result of a run from the database, or None."""
    document = connection.execute(select(scenario_run.c.result).where(scenario_run.c.id == run_id)).scalar()
    return None if document is None else result_from_json(document)


def list_runs(connection: Connection, limit: int = 50, name: str | None = None) -> list[Run]:
    """Return the runs, newest first."""
    columns = [scenario_run.c[column] for column in Run.__slots__]
    query = select(*columns).order_by(scenario_run.c.started_at.desc(), scenario_run.c.id).limit(limit)
    if name is not None:
        query = query.where(scenario_run.c.name == name)
    return [Run(**row) for row in connection.execute(query).mappings()]


def list_last_verdicts(connection: Connection, stack: str) -> list[Run]:
    """Return of each scenario that has a verdict on this stack the newest run with one."""
    has_verdict = (scenario_run.c.stack == stack) & scenario_run.c.verdict.is_not(None)
    newest = select(scenario_run.c.name, func.max(scenario_run.c.started_at).label("started_at")).where(has_verdict)
    newest_by_name = newest.group_by(scenario_run.c.name).subquery()
    columns = [scenario_run.c[column] for column in Run.__slots__]
    query = select(*columns).join(
        newest_by_name,
        (scenario_run.c.name == newest_by_name.c.name) & (scenario_run.c.started_at == newest_by_name.c.started_at),
    )
    return [Run(**row) for row in connection.execute(query.where(has_verdict)).mappings()]
