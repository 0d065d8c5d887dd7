"""Heal the source when the outbox grows and it publishes nothing, also when it reports that it runs.

A source that reads old events again makes no progress for a while and still works; a restart would only make it begin again.
So it is not restarted while it writes anything.

Some faults make it fail at each start. So it is never restarted for ever: `healing` chooses the steps by the cause that
`diagnosis` finds, and the last step is to leave the source, shown with its cause, to its user.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from sqlalchemy import Engine

from connectors import source
from connectors.admin import Admin, AdminRefused, AdminUnavailable, SourceStatus
from connectors.broker import Broker
from settings import Settings
from stacks import faults, operation
from stacks.lag import Lag, read_lag
from stacks.native import (
    binlog_history,
    binlog_reader,
    diagnosis,
    healing,
    intent,
    position,
    provision,
    server_identity,
)
from stacks.native.diagnosis import Cause, Cure
from stacks.native.healing import Healing
from workers.heartbeat import read_heartbeat

log = logging.getLogger(__name__)

PATIENCE_BY_HAND_S = 30.0
"""On compose, before a missing source is created: replacing it by hand takes two starts of a JVM."""
PATIENCE_S = 10.0
"""A source that failed, or lags without progress, for this long while database and broker answer does not recover by itself."""
KNOWN_PATIENCE_S = 3.0
"""Of a cause that only a new snapshot cures: waiting changes nothing."""
STEADY_S = 20.0
"""A source that ran for this long without trouble does not fail at its start; one that does takes up to 8 s."""
STARTS_WITHIN_S = 15.0
"""A source that was created or restarted reads within a few seconds; on a busy machine it takes longer."""
LONGEST_WAIT_S = 240.0
"""After each restart that did not help, the wait is doubled, up to this."""
LOOK_EVERY_S = 1.0
RESTARTED_WITHIN_S = 60.0
"""Pulsar answers a restart when the old instance has ended, or after it has waited for that for about ten seconds."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a source that exists."""

    cause: Cause
    error: str = ""
    """In one line; empty where the source names none."""
    is_below: bool = False
    """Whether all rows that were not captured lie below one that was: `repair` publishes them, a new snapshot is too much."""

    @property
    def is_certain(self) -> bool:
        """Whether only a new snapshot cures it, so that waiting changes nothing."""
        return self.cause.cure is Cure.RESNAPSHOT

    @property
    def has_passed(self) -> bool:
        """Whether a restart cures it at once. It is asked only while database and broker answer."""
        return self.cause.code in diagnosis.OF_CONNECTIONS

    @property
    def is_seen_at_once(self) -> bool:
        """Whether it needs no patience to tell it from a source that is slow or starts."""
        return bool(self.error) or self.is_certain


class SourceHealer:
    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._binlog = binlog_history.BinlogWatch(settings)
        self._reader = binlog_reader.ReaderWatch(settings)
        self._captured: int | None = None
        self._written = 0
        self._wait_s = STARTS_WITHIN_S
        self._since: float | None = None
        self._runs_since: float | None = None
        self._again_at = 0.0
        self._look_at = 0.0
        self._restarts_for_rows_below = 0
        self._obstacle = ""
        """Why it could not be looked at the last time; empty once it could."""

    def step(self) -> None:
        """Check the source, at most once a second, and heal it. Waits for unavailable dependencies and raises nothing."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        try:
            self._binlog.look()  # also while nobody may judge: the binlog may have passed its old end before that
            if not self._may_judge():
                self._reader.forget_unless_capture_runs()
                self._begin_again()
                return
            with Admin(self._settings, timeout_s=RESTARTED_WITHIN_S) as admin:
                self._judge(admin, now)
        except (AdminUnavailable, AdminRefused, provision.ProvisionFailed, operation.Busy, OSError) as error:
            if str(error) != self._obstacle:  # it is asked every second
                log.warning("the source cannot be looked at or healed now: %s", error)
            self._obstacle = str(error)
        else:
            self._obstacle = ""

    def _may_judge(self) -> bool:
        """Return False while the source is being created, was stopped on purpose, or lacks a dependency."""
        held = {"source", "broker", "database"} & faults.active(self._settings).keys()
        return (
            provision.provisioned_marker(self._settings).exists()
            and intent.read(self._settings) == "run"
            and time.time() - intent.said_at(self._settings) > STARTS_WITHIN_S
            and not held
            and operation.read(self._settings) is None
            and Broker(self._settings).reachable()
        )

    def _begin_again(self) -> None:
        """Forget what was tried: a dependency is unavailable, or somebody controls the source."""
        self._since = self._runs_since = None
        self._restarts_for_rows_below = 0
        healing.forget(self._settings)

    def _judge(self, admin: Admin, now: float) -> None:
        lag = read_lag(self._settings, self._engine)
        if lag.outbox_head is None:
            self._begin_again()
            return
        status = source.status(admin, self._settings.source_name)
        has_advanced = self._captured is not None and lag.captured != self._captured
        if has_advanced:
            self._wait_s, self._again_at = STARTS_WITHIN_S, 0.0
        trouble = None if status is None else self._find_trouble(status, lag)
        self._captured = lag.captured
        if status is not None and trouble is None:
            self._since = None
            self._forget_when_steady(has_advanced, now)
            return
        self._runs_since = None
        if trouble is not None and trouble.is_seen_at_once:
            self._show(trouble)
        if now < self._again_at and not (trouble is not None and trouble.is_certain):
            self._since = None
            return
        if self._since is None:
            self._since = now
        if now - self._since >= self._patience(trouble):
            self._heal(admin, trouble, now)

    def _patience(self, trouble: Trouble | None) -> float:
        if trouble is not None and trouble.has_passed:
            return 0.0
        if trouble is None:
            return PATIENCE_BY_HAND_S if self._settings.facts.source_is_replaced_by_hand else PATIENCE_S
        return KNOWN_PATIENCE_S if trouble.is_certain else PATIENCE_S

    def _find_trouble(self, status: SourceStatus, lag: Lag) -> Trouble | None:
        if server_identity.is_another(self._settings, self._engine):
            return Trouble(diagnosis.OTHER_SERVER)
        if binlog_history.has_gone_back(self._settings):
            return Trouble(diagnosis.OLDER_BINLOG)
        if not status.running:
            self._reader.forget()
            error = diagnosis.describe_error(self._settings, status.error) if status.error else ""
            return Trouble(diagnosis.find_cause(error), error)
        if self._reader.is_gone():
            return Trouble(diagnosis.READER_GONE)
        advanced = (lag.captured, status.written) != (self._captured, self._written)
        self._written = status.written
        observer = read_heartbeat(self._settings, "observer")
        if not lag.capture_behind or advanced or observer is None or not observer.connected:
            return None  # without an observer nobody knows what is published, which is no reason for a restart
        if not observer.is_idle:
            return None  # it has messages that it could not record yet
        return Trouble(diagnosis.NO_PROGRESS, is_below=lag.captured == lag.outbox_head)

    def _forget_when_steady(self, has_advanced: bool, now: float) -> None:
        """Forget what was tried once the source has captured more, or has run for long without trouble.

        A source that fails at each start runs for some seconds in between.
        """
        self._runs_since = now if self._runs_since is None else self._runs_since
        if has_advanced or now - self._runs_since > STEADY_S:
            self._restarts_for_rows_below = 0
            healing.forget(self._settings)
            server_identity.remember(self._settings, self._engine)

    def _show(self, trouble: Trouble) -> Healing:
        """Write the cause where status and page read it; return the record with what was tried so far."""
        before = healing.read(self._settings)
        record = (before or Healing(trouble.cause.code, trouble.error)).of(trouble.cause, trouble.error)
        if record != before:
            healing.write(self._settings, record)
        return record

    def _heal(self, admin: Admin, trouble: Trouble | None, now: float) -> None:
        if trouble is None:
            log.error("healing the source: it is gone")
            self._wait_longer(now)
            provision.create_source(self._settings, log.info)
        elif trouble.is_below:
            self._since = None
            if self._restarts_for_rows_below < healing.MOST_RESTARTS:
                self._restarts_for_rows_below += 1
                log.error("healing the source: it runs, and rows below those that it captured were not published")
                self._wait_longer(now)
                admin.source(self._settings.source_name, "restart")
        else:
            self._take_step(admin, trouble, now)

    def _take_step(self, admin: Admin, trouble: Trouble, now: float) -> None:
        record = self._show(trouble)
        self._since = None
        if record.is_left:
            return
        # It had a reader since the last restart, so that one helped.
        step = "restart" if trouble.cause is diagnosis.READER_GONE else record.choose_step()
        log.error("healing the source: %s (%s): %s", record.cause.sentence, record.error or "no error", step)
        self._wait_longer(now)
        # It is written first: a step that fails, or ends this process, counts too.
        healing.write(self._settings, record.after(step))
        if step == "restart":
            admin.source(self._settings.source_name, "restart")
        elif step == "resnapshot":
            position.resnapshot(self._settings, log.info, patience_s=0)
            server_identity.remember(self._settings, self._engine, again=True)

    def _wait_longer(self, now: float) -> None:
        self._reader.forget()
        self._since = None
        self._again_at = now + self._wait_s
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
