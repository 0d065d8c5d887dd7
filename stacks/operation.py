"""Run operations of a whole instance (start, stop, reset, restore) one at a time, and leave none half done.

Each home has one lock: a second operation waits, or fails with a reason. An operation that holds components keeps a journal in
the home. While it is undecided, the hold ends by itself a few seconds after its process died. Once it is decided, the components
are held until `stacks.recovery` has completed it. The gate of every component reads the journal, so a hold needs no process.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal

from domain.errors import ExpectedError
from settings import Settings, files
from settings.shared_files import hand_over
from stacks.controls import control

Say = Callable[[str], None]

PATIENCE_S = 120.0
HELD_S = 10.0
"""An undecided operation holds its components for this long after the last renewal of its journal."""
RENEW_EVERY_S = 2.0
LOOK_EVERY_S = 0.1
SELECTS_ROWS = "selects_rows"
"""Note of a journal: the capture's configuration selects the rows of its snapshot, which the end of the operation takes back."""

_locked: ContextVar[frozenset[Path]] = ContextVar("locked", default=frozenset())


class Busy(ExpectedError):
    """Another operation is changing the instance; `str(error)` says which."""


class Lapsed(ExpectedError):
    """Held components ran again before the operation was decided; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Journal:
    operation: str
    id: int
    """Its start in microseconds since the epoch; written to the database when the operation is decided."""
    phase: Literal["undecided", "decided"]
    parts: tuple[str, ...] = ()
    holds_until: float | None = None
    """Seconds since the epoch; None: until the journal is removed."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Values that the completion of the operation needs."""


@contextlib.contextmanager
def alone(settings: Settings, operation: str, say: Say, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Hold the instance's lock. While another process holds it, say so and wait. Raises Busy after `patience_s`.

    The lock is reentrant: a restart of everything, for example, holds it and calls stop and start.
    """
    if settings.home in _locked.get():
        yield
        return
    settings.run.mkdir(parents=True, exist_ok=True)
    with _acquire(settings.run / "operation.lock", operation, say, patience_s):
        token = _locked.set(_locked.get() | {settings.home})
        try:
            yield
        finally:
            _locked.reset(token)


@contextlib.contextmanager
def without_scenario(settings: Settings) -> Iterator[None]:
    """Hold the lock of scenarios, so that none starts meanwhile. Raises Busy if one is running."""
    settings.run.mkdir(parents=True, exist_ok=True)
    with (settings.run / "scenario.lock").open("w") as lock:
        hand_over(settings.run / "scenario.lock")
        if not _try(lock):
            raise Busy(
                "a scenario runs now, and this would change what it counts: wait for its verdict, or stop it"
                " (./alpes scenario stop), and try again"
            )
        yield


class Holding:
    """A running operation that holds components."""

    def __init__(self, settings: Settings, operation: str) -> None:
        self._settings = settings
        self._guard = threading.Lock()
        self.journal = Journal(operation, time.time_ns() // 1000, "undecided")
        self._ended = threading.Event()
        self._lapsed = False

    def hold(self, *parts: str) -> None:
        """End these components and keep them from starting. Unknown names are ignored. Raises NotRunning."""
        # The source is not a process: naming it in the journal keeps its healer away.
        self._change(parts=(*self.journal.parts, *parts))
        hold_all(self._settings, parts)

    def release(self, *parts: str) -> None:
        """Let these components start again while the operation goes on. Raises NotRunning."""
        self._change(parts=tuple(part for part in self.journal.parts if part not in parts))
        components = control(self._settings)
        for part in parts:
            components.release_part(part)

    def note(self, **notes: Any) -> None:
        self._change(notes=self.journal.notes | notes)

    def decide(self) -> None:
        """Hold the components until the operation is completed, or turns out to be undecided.

        Raises Lapsed when they were not held all the time until now.
        """
        self._change(phase="decided", holds_until=None)
        if self._lapsed:
            raise Lapsed(
                "the components could not be held all the time (full disk, suspended machine?): nothing was changed; try again"
            )

    def undecide(self) -> None:
        """Take the decision back, because the transaction failed."""
        self._change(phase="undecided")

    def renew(self) -> None:
        while not self._ended.wait(RENEW_EVERY_S):
            with contextlib.suppress(OSError):  # retried at the next renewal, before the hold lapses
                self._change()

    def end(self) -> None:
        self._ended.set()

    def _change(self, **changes: Any) -> None:
        with self._guard:
            until = self.journal.holds_until
            self._lapsed |= until is not None and until < time.time()
            if self._ended.is_set() or self._lapsed:
                return
            changed = replace(self.journal, **changes)
            if changed.phase == "undecided":
                changed = replace(changed, holds_until=time.time() + HELD_S)
            write(self._settings, changed)
            self.journal = changed


@contextlib.contextmanager
def holding(settings: Settings, operation: str) -> Iterator[Holding]:
    """Run an operation that may hold components, and let them run again afterwards. The caller holds the lock.

    If it fails after `decide`, the journal stays, and `stacks.recovery` completes the operation.
    """
    held = Holding(settings, operation)
    renewal = threading.Thread(target=held.renew, name="renewing", daemon=True)
    renewal.start()
    try:
        yield held
    except BaseException:
        held.end()
        renewal.join()
        if held.journal.phase == "undecided":
            finish(settings, held.journal)
        raise
    held.end()
    renewal.join()
    finish(settings, held.journal)


def hold_all(settings: Settings, parts: Sequence[str]) -> None:
    """End these components in parallel. Names that the instance lacks are ignored. Raises NotRunning."""
    components = control(settings)
    present = {state.name for state in components.states()}
    with ThreadPoolExecutor(max(1, len(parts))) as pool:
        list(pool.map(components.hold_part, [part for part in parts if part in present]))


def finish(settings: Settings, journal: Journal) -> None:
    """Remove the journal of a completed or undone operation, and let its components start again."""
    path(settings).unlink(missing_ok=True)
    components = control(settings)
    with contextlib.suppress(Exception):  # without a running instance there is nothing to release
        present = {state.name for state in components.states()}
        with ThreadPoolExecutor(max(1, len(journal.parts))) as pool:
            list(pool.map(components.release_part, [part for part in journal.parts if part in present]))


def path(settings: Settings) -> Path:
    return settings.run / "operation.json"


def write(settings: Settings, journal: Journal) -> None:
    files.write(path(settings), asdict(journal))


def read(settings: Settings) -> Journal | None:
    """Return the journal of the running or interrupted operation, or None."""
    try:
        values = json.loads(path(settings).read_text(encoding="utf-8"))
        return Journal(**{**values, "parts": tuple(values["parts"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def find_abandoned(settings: Settings) -> Journal | None:
    """Return the journal of an interrupted operation, whose process has ended, or None."""
    journal = read(settings)
    if journal is None:
        return None
    with contextlib.suppress(OSError), (settings.run / "operation.lock").open("a") as lock:
        return journal if _try(lock) else None
    return None


@contextlib.contextmanager
def _acquire(place: Path, operation: str, say: Say, patience_s: float) -> Iterator[None]:
    deadline = time.monotonic() + patience_s
    has_said = False
    while True:
        try:
            file = place.open("a+", encoding="utf-8")
        except FileNotFoundError:
            raise Busy(f"{place.parent.parent} was removed meanwhile; start the instance again") from None
        with file as lock:
            # A lock file that was deleted meanwhile, with the instance's data, locks nothing.
            if _try(lock) and _same(lock, place):
                hand_over(place)
                lock.truncate(0)
                lock.write(f"{operation}, process {os.getpid()}")
                lock.flush()
                yield
                return
            lock.seek(0)
            other = lock.read().strip() or "another operation"
        if time.monotonic() > deadline:
            raise Busy(f"{other}, is under way in {place.parent.parent}: try again when it has ended")
        if not has_said:
            say(f"waiting for the end of {other}")
            has_said = True
        time.sleep(LOOK_EVERY_S)


def _try(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _same(lock: IO[str], place: Path) -> bool:
    try:
        return os.fstat(lock.fileno()).st_ino == place.stat().st_ino
    except FileNotFoundError:
        return False
