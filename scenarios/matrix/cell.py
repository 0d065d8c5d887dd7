"""The experiment of one cell: cause the fault under light load, measure it, record what the system says about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial

import psutil

from application import stalls
from application.leases import Lease
from db import notification_queries
from domain.message import Message, extract_message
from scenarios.matrix.confirming import CommitTime, EdgeConfirmations, confirm_no_commit, make_progress
from scenarios.matrix.model import PAUSE, SLOW_FSYNC, Cell
from scenarios.matrix.truth import Listener, Report, Truth, find_late_spans, judge, wrong_lights
from scenarios.model import Scenario
from scenarios.trial import Trial, busy_factor
from scenarios.waiting import JudgeFailed, TookTooLong
from stacks import faults
from stacks.controls import control
from stacks.edges import edges_of
from stacks.native import mysql
from stacks.syscalls import TracingUnavailable

PAIRS_PER_SECOND = 10
CALM_WITHIN_S = 30.0
BEFORE_S = 1.0
"""How long the sources are listened to before the fault."""
LONGER_S = 2.0
"""How long a fault lasts beyond the time within which each source must have said so, when one says nothing of it."""
KEEPS_SAYING_S = 1.0
"""How long each source must have said so before the fault ends."""
TRUTH_WITHIN_S = 5.0
"""On an idle machine; on a busy one longer, as `busy_factor` says."""
LEASE_S = 30.0
MARGIN_S = 0.1
"""A flush is delayed by this much more than a commit is measured to take, because progress is polled."""
NAMED = 3
"""How many wrong answers a check names."""


def scenario_of(cell: Cell, truths: dict[str, Truth]) -> Scenario:
    """Return the scenario of a cell, whose run stores its truth as `truths["truth"]`."""
    return Scenario(
        name=f"{cell.edge} {cell.fault}",
        quality="Truthfulness",
        hypothesis=f"While {cell.edge} has the fault {cell.fault}, nothing is lost, and the system says what is wrong.",
        breaks=f"{cell.fault} of {cell.edge}.",
        experiment=partial(_experiment, cell, truths),
        in_all=False,
    )


def _experiment(cell: Cell, truths: dict[str, Truth], trial: Trial) -> None:
    with Listener(trial.settings, trial.application) as listener:
        with trial.load(PAIRS_PER_SECOND, all_routes=True):
            _require_health(trial, listener)
            stalls_from, from_s, pids_before = stalls.now(), time.monotonic(), _pids(trial)
            trial.pause(BEFORE_S)
            began_at, ended_at = _break(cell, trial, listener)
            still_unhealthy = _become_healthy(trial, listener, cell.healthy_within_s)
        replaced = {part for part, pid in _pids(trial).items() if pid != pids_before.get(part)}
        with trial.application.reading() as connection:
            passages = notification_queries.read_occurred_and_notified(connection, trial.run_id)
        late_spans = find_late_spans(passages)
        truth = judge(cell, listener.reports(from_s), began_at, ended_at, replaced, late_spans)
    if listener.error is not None:
        raise listener.error
    truths["truth"] = truth
    _check(trial, cell, truth, still_unhealthy, stalls.stalled_since(stalls_from))
    trial.wait_until_promises_are_kept()
    trial.wait_until_notified(trial.acknowledged, 60)


def _truth_within_s() -> float:
    return round(TRUTH_WITHIN_S * busy_factor(), 1)


def _break(cell: Cell, trial: Trial, listener: Listener) -> tuple[float, float]:
    """Cause the fault until every source has said so, and return its start and end on the monotonic clock."""
    lasts_s = _truth_within_s() + LONGER_S
    with ExitStack() as stack:
        before, during, after = _confirmations(cell, trial, stack)
        before()
        with _fault(cell, trial):
            began_at = time.monotonic()
            during()
            trial.wait(lambda: _is_told(cell, listener, began_at, lasts_s), 3 * lasts_s, Message("awaited.truth"))
            ended_at = time.monotonic()
        after()
    return began_at, ended_at


def _is_told(cell: Cell, listener: Listener, began_at: float, lasts_s: float) -> bool:
    """Return whether every source has said what is wrong for a while, or the fault has lasted long enough."""
    now = time.monotonic()
    truth_s = judge(cell, listener.reports(began_at), began_at, now).truth_s
    return now > began_at + lasts_s or (truth_s is not None and now > began_at + truth_s + KEEPS_SAYING_S)


def _fault(cell: Cell, trial: Trial) -> AbstractContextManager[None]:
    settings, name = trial.settings, Message(f"grey.{cell.fault}")
    if cell.network is not None:
        begin = partial(faults.break_edge, settings, cell.edge, cell.network, LEASE_S)
        return trial.leased(cell.edge, name, begin, partial(faults.mend_edge, settings, cell.edge))
    if cell.fault == PAUSE:
        begin = partial(faults.pause, settings, cell.edge, LEASE_S)
        return trial.leased(cell.edge, name, begin, partial(faults.resume, settings, cell.edge))
    if cell.fault == SLOW_FSYNC:
        begin = partial(_trace, partial(faults.slow_fsync, settings, cell.edge, cell.delay_s + MARGIN_S, LEASE_S))
        return trial.leased(cell.edge, name, begin, partial(faults.quicken_fsync, settings, cell.edge))
    begin = partial(faults.fill_disk, settings, cell.edge, LEASE_S)
    if cell.needs_strace:
        files = [mysql.find_binlog(settings.data / "mysql")]
        begin = partial(_trace, partial(faults.fill_disk_of_files, settings, cell.edge, files, LEASE_S))
    return trial.leased(cell.edge, name, begin, partial(faults.free_disk, settings, cell.edge))


def _trace(begin: Callable[[], Lease]) -> Lease:
    try:
        return begin()
    except TracingUnavailable as error:
        raise JudgeFailed(extract_message(error)) from error  # without the fault, the cell says nothing of the system


Step = Callable[[], None]


def _confirmations(cell: Cell, trial: Trial, stack: ExitStack) -> tuple[Step, Step, Step]:
    """Return what is to be done before, during and after the fault to confirm it."""
    if cell.network is not None:
        (edge,) = (edge for edge in edges_of(trial.settings) if edge.name == cell.edge)
        confirming = EdgeConfirmations(trial, edge, cell.network)
        stack.callback(confirming.close)
        return confirming.before, confirming.during, confirming.after
    if cell.fault == PAUSE:
        return _nothing, partial(_confirm_pause, cell, trial), _nothing
    if cell.fault == SLOW_FSYNC:
        commit_time = CommitTime(trial, cell.edge, cell.delay_s)
        stack.callback(commit_time.close)
        return commit_time.before, commit_time.during, _nothing
    if cell.needs_strace:
        return _nothing, partial(confirm_no_commit, trial), _nothing
    return _nothing, make_progress(trial, cell.edge).confirm_standstill, _nothing


def _pids(trial: Trial) -> dict[str, int]:
    return {state.name: state.pid for state in control(trial.settings).states()}


def _nothing() -> None:
    return


def _confirm_pause(cell: Cell, trial: Trial) -> None:
    pid = control(trial.settings).pid(cell.edge)
    trial.confirm(
        Message("confirm.paused", pid=pid, part=cell.edge),
        lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED,
    )


def _wait_until_healthy(trial: Trial, listener: Listener, deadline_s: float) -> None:
    since = time.monotonic()
    try:
        trial.wait(lambda: listener.all_healthy(since), deadline_s, Message("awaited.all_healthy"), 0.1)
    except TookTooLong:
        answers = _describe(listener.last_reports(since))
        raise TookTooLong(Message("waiting.unhealthy", s=deadline_s, said=answers)) from None


def _require_health(trial: Trial, listener: Listener) -> None:
    """Wait until everything is called healthy. Raises JudgeFailed: without that, nothing is known of the fault."""
    try:
        _wait_until_healthy(trial, listener, CALM_WITHIN_S * busy_factor())
    except TookTooLong as error:
        raise JudgeFailed(Message("judge.not_calm", why=extract_message(error))) from None


def _become_healthy(trial: Trial, listener: Listener, within_s: float) -> Message | None:
    """Return None once everything is called healthy, or what is called unhealthy for too long."""
    try:
        _wait_until_healthy(trial, listener, within_s * busy_factor())
    except TookTooLong as error:
        return extract_message(error)
    return None


def _check(trial: Trial, cell: Cell, truth: Truth, still_unhealthy: Message | None, stalled_s: float) -> None:
    """Check what the sources said. Raises JudgeFailed when they failed while this machine stood still: that says nothing of them."""
    answers = tuple(
        Message("detail.said_nothing", source=source)
        if after_s is None
        else Message("detail.said_after", source=source, s=after_s)
        for source, after_s in truth.said_after_s.items()
    )
    within_s = _truth_within_s()
    in_time = truth.truth_s is not None and truth.truth_s <= within_s
    if stalled_s and not (in_time and not truth.false_alarms and still_unhealthy is None):
        raise JudgeFailed(
            Message("judge.stood_still", s=round(stalled_s, 1), why=Message("detail.several", each=answers))
        )
    claim = Message("check.truth", s=within_s, part=cell.unhealthy_part)
    trial.check(claim, in_time, Message("detail.several", each=answers))
    trial.check(Message("check.no_false_alarm"), not truth.false_alarms, _describe(truth.false_alarms))
    trial.check(Message("check.healthy_again"), still_unhealthy is None, still_unhealthy)


def _describe(reports: tuple[Report, ...]) -> Message:
    """Return what the first of the reports call unhealthy."""
    answers = tuple(
        Message("detail.said_of", source=report.source, part=name, light=light)
        for report in reports[:NAMED]
        for name, light in wrong_lights(report).items()
    )
    return Message("detail.several", each=answers) if answers else Message("detail.nothing")
