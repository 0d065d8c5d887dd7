"""Heal Debezium Server: when it ends again and again with one error, and when rows wait and it publishes nothing.

The supervisor starts it again whenever it ends, which is the restart that `healing` counts. Some faults make it end at each
start; `healing` chooses the step by the cause that its log shows, and the last step is to leave it, waiting, to its user.
"""

from __future__ import annotations

import logging
import time

from sqlalchemy import Engine

from connectors.broker import Broker
from settings import Settings
from settings.stack_facts import DEBEZIUM_SERVER
from stacks import faults, operation
from stacks.control import NotRunning, PartUnknown
from stacks.controls import control
from stacks.lag import Lag, read_lag
from stacks.native import binlog_history, binlog_reader, healing, server_identity, server_position
from stacks.native.diagnosis import NO_PROGRESS, OLDER_BINLOG, OTHER_SERVER, UNCERTAIN, Cause, Cure, find_cause
from stacks.native.healing import Healing
from stacks.native.left_out import LeftOutWatch
from stacks.native.provision import provisioned_marker
from stacks.native.server_log import LogFollower, log_file
from workers.heartbeat import read_heartbeat

log = logging.getLogger(__name__)

PATIENCE_S = 30.0
"""It starts and reads on within about ten seconds, on a busy machine in twenty."""
LONGEST_WAIT_S = 240.0
"""After each restart that did not help, the patience is doubled, up to this."""
STEADY_S = 20.0
"""One that ran for this long without an error does not fail at its start."""
SETTLED_S = 20.0
"""Errors so soon after database and broker answer again come from their start, and pass."""
LOOK_EVERY_S = 1.0


class ServerHealer:
    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._binlog = binlog_history.BinlogWatch(settings)
        self._reader = binlog_reader.ReaderWatch(settings)
        self._log = LogFollower(log_file(settings))
        self._left_out = LeftOutWatch(settings, engine)
        self._captured: int | None = None
        self._pid = 0
        self._patience_s = PATIENCE_S
        self._since: float | None = None
        self._failed_at = float("-inf")
        self._unavailable_at = float("-inf")
        self._look_at = 0.0
        self._again_at = 0.0
        self._restarts_for_rows_below = 0

    def step(self) -> None:
        """Check it, at most once a second, and heal it. Waits for unavailable dependencies and raises nothing."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        try:
            self._binlog.look()  # also while nobody may judge: the binlog may have passed its old end before that
            self._judge(now)
        except (NotRunning, PartUnknown, operation.Busy, OSError) as error:
            log.warning("Debezium Server cannot be looked at or healed now: %s", error)

    def _judge(self, now: float) -> None:
        if self._is_held():
            self._reader.forget_unless_capture_runs()
            self._log.skip()
            self._since = None
            self._try_again(now)
            return
        lag = read_lag(self._settings, self._engine)
        if lag.outbox_head is None or not Broker(self._settings).reachable():
            self._log.skip()
            self._since, self._unavailable_at = None, now
            return
        self._left_out.step(now)
        errors = self._log.read_failures()
        has_advanced = self._captured is not None and lag.captured != self._captured
        self._captured = lag.captured
        reader_is_gone = self._is_without_reader()
        if server_identity.is_another(self._settings, self._engine):
            self._take_step(OTHER_SERVER, "")
        elif binlog_history.has_gone_back(self._settings):
            self._take_step(OLDER_BINLOG, "")
        elif errors and now - self._unavailable_at > SETTLED_S:
            self._failed_at = now
            self._take_step(find_cause(errors[-1]), errors[-1])
        elif reader_is_gone:
            self._end_process("its connection to MySQL has ended")
        elif has_advanced or not self._waits_in_vain(lag):
            self._since = None
            self._forget_when_steady(has_advanced, now)
        elif self._since is None:
            self._since = now
        elif now - self._since > self._patience_s:
            self._restart(lag)

    def _is_without_reader(self) -> bool:
        """Return whether the process that read the binlog still runs, and reads no more."""
        pid = control(self._settings).pid(DEBEZIUM_SERVER.component)
        if pid != self._pid:
            self._pid = pid
            self._reader.forget()
        return self._reader.is_gone()

    def _is_held(self) -> bool:
        """Return whether it is being started, was left to its user, or is held with what it needs."""
        held = {DEBEZIUM_SERVER.component, "broker", "database"} & faults.active(self._settings).keys()
        return (
            bool(held)
            or not provisioned_marker(self._settings).exists()
            or server_position.left_file(self._settings).exists()
            or operation.read(self._settings) is not None
        )

    def _try_again(self, now: float) -> None:
        """Let one that was left start again from time to time, unless its error cannot pass by itself."""
        record = healing.read(self._settings)
        if record is not None and record.is_left and record.cause.cure is Cure.RESTART and now > self._again_at:
            self._failed_at = now  # it has not been steady since
            server_position.left_file(self._settings).unlink(missing_ok=True)

    def _waits_in_vain(self, lag: Lag) -> bool:
        """Return whether rows wait for it. Without an observer that has recorded everything, nobody knows what is published."""
        observer = read_heartbeat(self._settings, "observer")
        return bool(lag.capture_behind) and observer is not None and observer.connected and observer.is_idle

    def _forget_when_steady(self, has_advanced: bool, now: float) -> None:
        if has_advanced:
            self._patience_s, self._restarts_for_rows_below = PATIENCE_S, 0
        if has_advanced or now - self._failed_at > STEADY_S:
            healing.forget(self._settings)
            server_identity.remember(self._settings, self._engine)

    def _restart(self, lag: Lag) -> None:
        """Restart one that hangs; of rows below those that it captured, `repair` publishes what restarts do not."""
        self._since = None
        if lag.captured != lag.outbox_head:
            self._take_step(NO_PROGRESS, "")
        elif self._restarts_for_rows_below < healing.MOST_RESTARTS:
            self._restarts_for_rows_below += 1
            self._end_hanging()

    def _take_step(self, cause: Cause, error: str) -> None:
        before = healing.read(self._settings) or Healing(cause.code, error)
        record = before.of(cause, error)
        step = record.choose_step()
        log.error("Debezium Server: %s (%s): %s", cause.sentence, error or "no error", step)
        # It is written first: a step that fails, or ends this process, counts too.
        healing.write(self._settings, record.after(step))
        if step == "resnapshot":
            try:
                server_position.resnapshot(self._settings, log.info, patience_s=0)
            except operation.Busy:
                healing.write(self._settings, record)  # nothing was tried
                raise
            self._log.skip()  # the process that ended meanwhile wrote of the same error again
            server_identity.remember(self._settings, self._engine, again=True)
        elif step == "leave":
            server_position.leave(self._settings)
            control(self._settings).restart_part(DEBEZIUM_SERVER.component)  # some errors it tries again inside
            self._again_at = time.monotonic() + self._patience_s
            self._patience_s = min(2 * self._patience_s, LONGEST_WAIT_S)
        elif cause in UNCERTAIN and not error:
            self._end_hanging()

    def _end_hanging(self) -> None:
        self._end_process(f"rows wait for it, and it has captured none for {self._patience_s:.0f} s")
        self._patience_s = min(2 * self._patience_s, LONGEST_WAIT_S)

    def _end_process(self, why: str) -> None:
        log.error("restarting Debezium Server: %s", why)
        control(self._settings).restart_part(DEBEZIUM_SERVER.component)
        self._log.skip()  # what the process wrote while it ended is no new error
