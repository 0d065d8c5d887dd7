"""A run's records: its timeline as it happens in a file, its row in the database, its result in both.

The file lives in the instance's home, so the timeline goes on while the database is the part that is broken.
"""

from __future__ import annotations

import fcntl
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from db.errors import DatabaseUnavailable, translated
from db.tables import scenario_run
from scenarios.model import Moment, Result, result_from_json
from settings import Settings

RUN_ID = re.compile(r"[0-9A-Za-z]+(-[0-9A-Za-z]+)*")


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


class AnotherRuns(Exception):
    """A scenario runs already in this instance: two at once would judge each other's faults."""


class UnknownRun(LookupError):
    """There is no such run."""


def folder(settings: Settings, run_id: str) -> Path:
    """Raises UnknownRun for what is no run id, and so might name another folder."""
    if not RUN_ID.fullmatch(run_id):
        raise UnknownRun(f"no run {run_id!r}")
    return settings.data / "scenarios" / run_id


@contextmanager
def alone(settings: Settings, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the instance's scenario lock. Raises AnotherRuns.

    The patience is for those who only look whether it is held, and hold it for that moment.
    """
    settings.run.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_s
    with (settings.run / "scenario.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise AnotherRuns("another scenario runs now; wait for its verdict, or stop it") from None
                time.sleep(0.01)
        yield


def busy(settings: Settings) -> bool:
    """Whether a scenario runs now."""
    try:
        with alone(settings):
            return False
    except AnotherRuns:
        return True


class Journal:
    """Written by the process that runs the scenario."""

    def __init__(self, settings: Settings, engine: Engine, run_id: str) -> None:
        self._engine = engine
        self._run_id = run_id
        self._folder = folder(settings, run_id)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._file = (self._folder / "timeline.jsonl").open("a", encoding="utf-8")
        self.moments: list[Moment] = []

    def say(self, kind: str, text: str, data: Mapping[str, Any] | None = None) -> None:
        moment = Moment(time.time(), kind, text, dict(data or {}))
        self.moments.append(moment)
        self._file.write(json.dumps(asdict(moment)) + "\n")
        self._file.flush()

    def begin(self, name: str, stack: str, seed: int) -> None:
        """Raises DatabaseUnavailable."""
        values = {"id": self._run_id, "name": name, "stack": stack, "seed": seed, "state": "running"}
        with translated(), self._engine.begin() as connection:
            gone = scenario_run.c.state == "running"  # its process was killed: it holds no lock any more
            connection.execute(update(scenario_run).where(gone).values(state="stopped", finished_at=_now()))
            connection.execute(insert(scenario_run).values(**values, started_at=_now()))

    def end(self, state: str, result: Result | None) -> None:
        """The file first; the row too, unless the database stays away."""
        values = None if result is None else result.to_json()
        if values is not None:
            temporary = self._folder / "result.tmp"
            temporary.write_text(json.dumps(values), encoding="utf-8")
            temporary.replace(self._folder / "result.json")
        with suppress(DatabaseUnavailable), translated(), self._engine.begin() as connection:
            connection.execute(
                update(scenario_run)
                .where(scenario_run.c.id == self._run_id)
                .values(
                    state=state, verdict=None if result is None else result.verdict, finished_at=_now(), result=values
                )
            )

    def close(self) -> None:
        self._file.close()


def moments(settings: Settings, run_id: str) -> list[Moment]:
    """The timeline as it is now. Raises UnknownRun. Who follows a run keeps a `Timeline` instead."""
    return Timeline(settings, run_id).fresh()


class Timeline:
    """A run's timeline, read once: each `fresh` reads only what was written since the one before."""

    def __init__(self, settings: Settings, run_id: str) -> None:
        self._run_id = run_id
        self._path = folder(settings, run_id) / "timeline.jsonl"
        self._read_bytes = 0

    def fresh(self) -> list[Moment]:
        """The entries that are new, oldest first. Raises UnknownRun."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_bytes)
                written = file.read()
        except FileNotFoundError:
            raise UnknownRun(f"no run {self._run_id}; `./alpes scenario runs` lists them") from None
        whole = written[: written.rfind(b"\n") + 1]  # what stands behind the last line's end is not whole yet
        self._read_bytes += len(whole)
        return [Moment(**json.loads(line)) for line in whole.splitlines()]


def result(settings: Settings, run_id: str) -> Result | None:
    """What a run found; None while it runs, or when it was stopped."""
    try:
        return result_from_json(json.loads((folder(settings, run_id) / "result.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def stored_result(connection: Connection, run_id: str) -> Result | None:
    """The same from the database."""
    found = connection.execute(select(scenario_run.c.result).where(scenario_run.c.id == run_id)).scalar()
    return None if found is None else result_from_json(found)


def runs(connection: Connection, limit: int = 50, name: str | None = None) -> list[Run]:
    """Newest first."""
    columns = [scenario_run.c[each] for each in Run.__slots__]
    query = select(*columns).order_by(scenario_run.c.started_at.desc(), scenario_run.c.id).limit(limit)
    if name is not None:
        query = query.where(scenario_run.c.name == name)
    return [Run(**row) for row in connection.execute(query).mappings()]


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
