"""Operations that change an instance as a whole (start, stop, reset, restore): one at a time, none left half done.

One lock a home: the second waits, or is refused in words. An operation that holds parts keeps a journal in the home. Until it
is decided, the hold ends by itself a few seconds after its process died; once it is decided, the parts are held until
`stacks.recovery` has completed it. The gate before every part reads the journal, so no process has to live on.
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

from settings import Settings, files
from stacks.controls import control

Say = Callable[[str], None]

PATIENCE_S = 120.0
HELD_S = 10.0
"""An undecided operation holds its parts for so long after its last sign of life."""
RENEWED_EVERY_S = 2.0
LOOK_EVERY_S = 0.1
LOCKS = frozenset({"run/operation.lock", "run/scenario.lock"})
"""They stay while what they lock is deleted: another file of that name would be another lock."""

_locked: ContextVar[frozenset[Path]] = ContextVar("locked", default=frozenset())


class Busy(Exception):
    """Another operation changes the instance now; `str(error)` says which."""


class Lapsed(Exception):
    """Parts that had to be held ran again meanwhile; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Journal:
    operation: str
    id: int
    """Microseconds since the epoch when it began: the mark it leaves in the database when it is decided."""
    phase: Literal["undecided", "decided"]
    parts: tuple[str, ...] = ()
    holds_until: float | None = None
    """Seconds since the epoch; None: until the journal is gone."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What completing it needs to know."""


@contextlib.contextmanager
def alone(settings: Settings, what: str, say: Say, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Hold the instance's lock; whoever comes later waits, and is told for what. Raises Busy after `patience_s`.

    Within it, it may be asked for again: a restart of everything stops and starts.
    """
    if settings.home in _locked.get():
        yield
        return
    settings.run.mkdir(parents=True, exist_ok=True)
    with _acquired(settings.run / "operation.lock", what, say, patience_s):
        token = _locked.set(_locked.get() | {settings.home})
        try:
            yield
        finally:
            _locked.reset(token)


@contextlib.contextmanager
def without_scenario(settings: Settings) -> Iterator[None]:
    """Hold the lock of scenarios: none runs now, and none begins meanwhile. Raises Busy."""
    settings.run.mkdir(parents=True, exist_ok=True)
    with (settings.run / "scenario.lock").open("w") as lock:
        if not _try(lock):
            raise Busy(
                "a scenario runs now, and this would change what it counts: wait for its verdict, or stop it"
                " (./alpes scenario stop), and try again"
            )
        yield


class Holding:
    """An operation under way that holds parts."""

    def __init__(self, settings: Settings, operation: str) -> None:
        self._settings = settings
        self._guard = threading.Lock()
        self.journal = Journal(operation, time.time_ns() // 1000, "undecided")
        self._ended = threading.Event()
        self._lapsed = False

    def hold(self, *parts: str) -> None:
        """End these parts and keep them from starting again. Raises NotRunning; a part there is none of is left out."""
        self._change(parts=(*self.journal.parts, *parts))  # the source is no process, and is held from its healer
        hold_all(self._settings, parts)

    def note(self, **notes: Any) -> None:
        self._change(notes=self.journal.notes | notes)

    def decide(self) -> None:
        """From now on the parts are held until the operation is completed, or found not to have been decided.

        Raises Lapsed when they were not held all the time until now.
        """
        self._change(phase="decided", holds_until=None)
        if self._lapsed:
            raise Lapsed(
                "the parts could not be held all the time (a full disk, a machine that slept): nothing was changed"
            )

    def undecide(self) -> None:
        """It came to nothing after all."""
        self._change(phase="undecided")

    def renew(self) -> None:
        while not self._ended.wait(RENEWED_EVERY_S):
            with contextlib.suppress(OSError):  # the next time, or the hold lapses
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
    """An operation that may hold parts; afterwards they run again, unless it was decided and not completed.

    The caller has the lock. When it fails after `decide`, the journal stays, and `stacks.recovery` goes on from it.
    """
    held = Holding(settings, operation)
    renewing = threading.Thread(target=held.renew, name="renewing", daemon=True)
    renewing.start()
    try:
        yield held
    except BaseException:
        held.end()
        renewing.join()
        if held.journal.phase == "undecided":
            finish(settings, held.journal)
        raise
    held.end()
    renewing.join()
    finish(settings, held.journal)


def hold_all(settings: Settings, parts: Sequence[str]) -> None:
    """End those of these parts that there are, at the same time. Raises NotRunning."""
    processes = control(settings)
    there = {state.name for state in processes.states()}
    with ThreadPoolExecutor(max(1, len(parts))) as pool:
        list(pool.map(processes.hold_part, [part for part in parts if part in there]))


def finish(settings: Settings, journal: Journal) -> None:
    """The operation is over, completed or undone: its parts start again."""
    path(settings).unlink(missing_ok=True)
    parts = control(settings)
    with contextlib.suppress(Exception):  # nothing runs, or nothing of that name: then nothing is to be released
        there = {state.name for state in parts.states()}
        for part in journal.parts:
            if part in there:
                parts.release_part(part)


def path(settings: Settings) -> Path:
    return settings.run / "operation.json"


def write(settings: Settings, journal: Journal) -> None:
    files.write(path(settings), asdict(journal))


def read(settings: Settings) -> Journal | None:
    """The operation under way, or one that was cut short; None without."""
    try:
        values = json.loads(path(settings).read_text(encoding="utf-8"))
        return Journal(**{**values, "parts": tuple(values["parts"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def abandoned(settings: Settings) -> Journal | None:
    """The journal of an operation whose process is gone."""
    journal = read(settings)
    if journal is None:
        return None
    with contextlib.suppress(OSError), (settings.run / "operation.lock").open("a") as lock:
        return journal if _try(lock) else None
    return None


@contextlib.contextmanager
def _acquired(place: Path, what: str, say: Say, patience_s: float) -> Iterator[None]:
    deadline = time.monotonic() + patience_s
    told = False
    while True:
        try:
            file = place.open("a+", encoding="utf-8")
        except FileNotFoundError:
            raise Busy(f"{place.parent.parent} was removed meanwhile") from None
        with file as lock:
            # One that was deleted meanwhile, with the instance's data, locks nothing.
            if _try(lock) and _same(lock, place):
                lock.truncate(0)
                lock.write(f"{what}, process {os.getpid()}")
                lock.flush()
                yield
                return
            lock.seek(0)
            other = lock.read().strip() or "another operation"
        if time.monotonic() > deadline:
            raise Busy(f"{other}, is under way in {place.parent.parent}: try again when it has ended")
        if not told:
            say(f"waiting for the end of {other}")
            told = True
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
