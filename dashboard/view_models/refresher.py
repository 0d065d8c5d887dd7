"""Read the instance in the background for all pages of a server, so that no page waits for a component.

Each source has a reader of its own, so that a database that is down delays neither the feed nor a page.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from application import Application
from dashboard.view_models import capture_lag, faults, reconciling
from dashboard.view_models.database_reader import DatabaseReader
from dashboard.view_models.observer_reader import ObserverReader
from dashboard.view_models.snapshot import DatabaseState, FeedState, HealthState, Sample
from scenarios.waiting import TookTooLong, until
from settings import Settings
from stacks import health, instance

log = logging.getLogger(__name__)

QUICK_S = 0.5
"""Time between two reads while a page is open."""
BUSY_S, BUSY_FOR_S = 0.1, 2.0
"""Time between two reads while a page is open and something has changed in the last `BUSY_FOR_S`: an event waits for them."""
SLOW_S = 2.0
"""Time between two reads otherwise; health is read every second and every five seconds."""
WATCHED_S = 5.0
QUIET_CHECK_S = 2.0
"""Time between two checks of the health while every component is healthy, no fault is held and no event comes."""
VERSIONS_S = 60.0
SAMPLES = 3600
DOUBT_S = 30.0
DELETED_S = 5.0
"""Time between two counts while outbox rows are deleted: each deleted row looks like a difference until it is counted."""
MOST_WANTED = 200
"""The most events, beside those of the feed, whose deliveries are counted because a page shows them."""
HISTORY_S = 3600.0


class Refresher:
    """Own the readers, which are started once for a server and end with `close` or with the process."""

    def __init__(self, settings: Settings, application: Application) -> None:
        self.settings = settings
        self.application = application
        self.observer = ObserverReader(settings)
        self.reader = DatabaseReader(application)
        self.fault_history = faults.FaultHistory()
        self._past_faults = faults.PastFaults(settings)
        self._health = HealthState()
        self._agreed = HealthState()
        self._agreed_on: tuple[object, object] = (None, None)
        """The check and the counts from which `_agreed` was calculated."""
        self._agreed_lock = threading.Lock()
        self.steady = reconciling.Steady()
        self._versions_at = 0.0
        self._checked_at = 0.0
        self._checked_versions = (-1, -1)
        """Of the database and the feed at the last check of the health."""
        self._samples: deque[Sample] = deque(maxlen=SAMPLES)
        self._wanted_ids: dict[str, None] = {}
        self._wanted_ids_lock = threading.Lock()
        self._looked = time.monotonic()
        self._changed_at = 0.0
        """Monotonic time of the last read that found something new."""
        self._doubted = time.monotonic()
        self._stop = threading.Event()
        self._wakes = {"database": threading.Event(), "observer": threading.Event(), "health": threading.Event()}
        """Name of a reader → its pause ends when this is set."""

    def start(self) -> None:
        for name, step, *pauses in (
            ("database", self._read_database, BUSY_S, QUICK_S, SLOW_S),
            ("observer", self._read_observer, BUSY_S, QUICK_S, SLOW_S),
            ("health", self._check, 1.0, 1.0, 5.0),
        ):
            arguments = (step, self._wakes[name], *pauses)
            threading.Thread(target=self._run, args=arguments, name=f"refresh-{name}", daemon=True).start()

    def close(self) -> None:
        self._stop.set()
        for wake in self._wakes.values():
            wake.set()

    def look(self) -> None:
        """Read often for the next `WATCHED_S`, because a page is open."""
        self._looked = time.monotonic()

    def doubt(self) -> None:
        """Count everything again because the sources differ, not more often than every `DOUBT_S` or `DELETED_S`."""
        if time.monotonic() - self._doubted > (DELETED_S if self.database.row_deleted else DOUBT_S):
            self._doubted = time.monotonic()
            self.reader.doubt()

    def await_count(self, within_s: float) -> bool:
        """Wait for the first count of the database, and return whether there is one. A database that fails is not waited for."""
        with contextlib.suppress(TookTooLong):
            until(lambda: self.database.committed is not None or self.database.problem is not None, within_s, "a count")
        return self.database.committed is not None

    def want_deliveries(self, event_ids: Iterable[str]) -> None:
        """Count the deliveries of these events from the next read on: a page shows them, and the feed has newer ones."""
        with self._wanted_ids_lock:
            for event_id in event_ids:
                self._wanted_ids.pop(event_id, None)
                self._wanted_ids[event_id] = None
            for event_id in list(self._wanted_ids)[: max(0, len(self._wanted_ids) - MOST_WANTED)]:
                del self._wanted_ids[event_id]

    @property
    def database(self) -> DatabaseState:
        return self.reader.state

    @property
    def feed(self) -> FeedState:
        return self.observer.state

    @property
    def health(self) -> HealthState:
        """Return the health of all components; the capture's lag is that of the counts that the pages show."""
        checked, shown_counts = self._health, self.steady.look(self.database, self.feed)
        with self._agreed_lock:
            if self._agreed_on[0] is checked and self._agreed_on[1] is shown_counts:
                return self._agreed
            self._agreed_on = checked, shown_counts
            parts = capture_lag.agree(checked.parts, self.settings.facts.capture, shown_counts.counts.uncaptured)
            before = self._agreed
            contents = (parts, checked.leases, checked.versions)
            if checked.version and contents != (before.parts, before.leases, before.versions):
                self._agreed = HealthState(before.version + 1, *contents)
            return self._agreed

    def samples(self) -> list[Sample]:
        """Return the samples, oldest first, about one for each second in which a page was open."""
        return list(self._samples)

    def _run(
        self, step: Callable[[], None], wake: threading.Event, busy_s: float, quick_s: float, slow_s: float
    ) -> None:
        """Read until `close`, with a pause: `busy_s` while something changes, `quick_s` while a page is open, else `slow_s`."""
        while not self._stop.is_set():
            wake.clear()
            before = self.database.version, self.feed.version
            try:
                step()
            except Exception:
                # A reader that ended would leave old numbers on every page: log the exception and read again.
                log.exception("a look failed; the next one follows")
            waited = time.monotonic()
            if (self.database.version, self.feed.version) != before:
                self._changed_at = waited
            is_busy = waited - self._changed_at < BUSY_FOR_S
            while not wake.wait(busy_s if is_busy else quick_s):
                watched = time.monotonic() - self._looked < WATCHED_S
                if watched or time.monotonic() - waited >= slow_s:
                    break

    def _read_database(self) -> None:
        with self._wanted_ids_lock:
            wanted_ids = sorted(self._wanted_ids)
        ids = dict.fromkeys([*(message.event_id for message in self.feed.messages if message.event_id), *wanted_ids])
        before = self.database.version
        self.reader.step(tuple(ids))
        if self.database.version != before:
            # The same event is in the other source, whose read costs little: one refresh shows both.
            self._wakes["observer"].set()
        self._note_arrived()
        self._sample()

    def _read_observer(self) -> None:
        newest = self.database.outbox[:1]
        self.observer.step(newest[0].seq if newest else None)
        self._note_arrived()

    def _note_arrived(self) -> None:
        database = self.database
        if database.outbox and reconciling.counts(database, self.feed).equal:
            self.reader.all_arrived(database.outbox[0].seq)

    def _sample(self) -> None:
        now, state, feed = time.time(), self.database, self.feed
        if self._samples and now - self._samples[-1].at < 1:
            return
        if state.problem is None and None not in (state.committed, state.notified, feed.published):
            self._samples.append(Sample(now, state.committed or 0, feed.published or 0, state.notified or 0))

    def _check(self) -> None:
        versions, read_versions = self._health.versions, (self.database.version, self.feed.version)
        if self._is_quiet(read_versions):
            return
        self._checked_at, self._checked_versions = time.monotonic(), read_versions
        if not versions or time.monotonic() - self._versions_at > VERSIONS_S:
            versions, self._versions_at = instance.versions(self.settings), time.monotonic()
        parts = tuple(health.check(self.settings, self.application.engine, except_for="dashboard"))
        leases = faults.leases(self.settings)
        now = time.time()
        lights = {part.part: part.light for part in parts}
        self.fault_history.note(leases, lights, now, self._past_faults.read(now - HISTORY_S))
        before = self._health
        if (parts, leases, versions) != (before.parts, before.leases, before.versions) or not before.version:
            self._health = HealthState(before.version + 1, parts, leases, versions)

    def _is_quiet(self, read_versions: tuple[int, int]) -> bool:
        """Return whether the last check is young enough, because nothing has happened since."""
        last = self._health
        return (
            time.monotonic() - self._checked_at < QUIET_CHECK_S
            and read_versions == self._checked_versions
            and not last.leases
            and all(part.light == "ok" for part in last.parts)
            and not faults.leases(self.settings)
        )
