"""Define the English templates of what scenarios say: checks, confirmations, timeline and verdict."""

from __future__ import annotations

from domain.message import register

PROPERTIES = {
    "property.acknowledged_is_committed": "what was acknowledged is committed",
    "property.refused_leaves_nothing": "what was refused left nothing",
    "property.command_once": "a repeated command has one effect",
    "property.state_and_outbox_agree": "state and outbox agree",
    "property.published_what_was_committed": "what was committed is published",
    "property.contents_unchanged": "contents are unchanged",
    "property.key_unchanged": "keys are unchanged",
    "property.nothing_uncommitted": "nothing appears that was not committed",
    "property.nothing_lost": "nothing lost",
    "property.effect_once": "each effect exactly once",
    "property.notification_and_inbox_agree": "notifications and inbox agree",
    "property.in_order": "each commission's events in order",
    "property.no_dead_letter": "no unexpected dead letter",
    "property.dead_letters_in_topic_and_table": "dead letters are on the topic and in the table",
    "property.audit_equals_notifications": "the audit file equals the notifications",
}
"""The properties of every run (`scenarios.properties`)."""

INVARIANTS = {
    "invariant.measured": "something was measured",
    "invariant.deadlines": "the system meets its deadlines",
}

SEEN = {
    "seen.acknowledged": "{command} acknowledged ({client})",
    "seen.refused": "{command} refused ({client})",
    "seen.state": "commission has {field} {value}",
    "seen.no_state": "no commission",
    "seen.row": "{type} committed as version {n}",
    "seen.row_with": "committed with {field} {value}",
    "seen.no_row": "no outbox row",
    "seen.parked": "parked: {reason}",
    "seen.message": "published as a message",
    "seen.message_with": "published with {field} {value}",
    "seen.other_contents": "published with other contents",
    "seen.no_message": "not published",
    "seen.delivery": "delivered: {outcome}",
    "seen.notification": "version {n} notified as number {seq}",
    "seen.notification_with": "notified with {field} {value}",
    "seen.no_notification": "no notification",
    "seen.no_inbox_row": "no inbox row",
    "seen.dead_letter": "dead letter {seq} stored: {reason}",
    "seen.no_dead_letter": "no row of the dead letter",
    "seen.dead_letter_message": "dead letter {seq} on the topic",
    "seen.no_dead_letter_message": "not on the dead-letter topic",
    "seen.line": "audit line of notification {seq}",
    "seen.line_with": "audit line with {field} {value}",
    "seen.no_line": "no audit line",
    "outcome.applied": "applied",
    "outcome.duplicate": "duplicate",
    "outcome.skipped": "skipped",
    "outcome.dead_lettered": "dead-lettered",
}
"""What one place shows of an event, in a counter-example."""

CHECKS = {
    "check.backlog_gone": "the backlog returns to zero",
    "check.commands_not_slowed": "commands are not slowed",
    "check.preview_right": "the preview was right",
    "check.replay_adds_nothing": "the replay adds no notification",
    "check.naive_loses": "the naive writer loses events under the same fault",
    "check.row_visible": "another connection sees the row when its event is received",
    "check.rollback_leaves_nothing": "a rolled-back command leaves nothing",
    "check.worker_alive": "the worker is alive and processes good events",
    "check.failing_not_notified": "the failing event is not notified",
    "check.requeued_notified": "after the fix, the requeued event is notified",
    "check.one_commission": "one commission for each conversion",
    "check.calculations_refused": "every repeated calculation is refused",
    "check.one_approval": "one approval has an effect",
    "check.approvals_change_nothing": "every repeated approval changes nothing",
    "check.two_events": "two events for each commission",
    "check.acknowledged_while_down": "commands are acknowledged while it is down",
    "check.repeats_absorbed": "every repeated delivery is absorbed and counted",
    "check.both_rows": "died at {point}: both rows",
    "check.neither_row": "died at {point}: neither row",
    "check.completes_when_repeated": "the command completes when it is sent again",
    "check.nothing_old_again": "nothing before the last checkpoint is read again",
}
"""The checks of one scenario."""

CONFIRMATIONS = {
    "confirm.process_dead": "process {pid} of {part} is dead",
    "confirm.point_reached": "{part} reached that point",
    "confirm.broker_refuses": "the broker's port refuses connections",
    "confirm.backlog_rose": "the backlog rose",
    "confirm.redelivered": "the broker redelivered some of the messages",
    "confirm.read_again": "{n} messages were read again",
    "confirm.rolled_back": "{n} pairs of transactions were rolled back after writing both rows",
    "confirm.dead_lettered": "each is dead-lettered with its reason",
    "confirm.later_arrived": "two later events of its commission arrived while it was retried",
    "confirm.calculations_refused": "{n} repeated calculations were refused",
    "confirm.outbox_read_again": "the outbox was read again from its start",
    "confirm.database_refuses": "the database refuses connections",
    "confirm.commands_refused": "commands are refused with a reason",
    "confirm.capture_new": "a new instance of the capture reads the outbox",
    "confirm.published_before": "events were published well before the restart",
    "confirm.file_damaged": "bytes of the audit file are missing or changed",
    "confirm.every_route": "commands were acknowledged by every route",
}

TIMELINE = {
    "run.started": "{hypothesis}",
    "run.counting": "waiting until every event has arrived, then counting",
    "run.stopped": "stopped before its verdict; every fault was undone",
    "run.ended": "its process ended without a verdict; its faults end when their leases expire",
    "run.not_run": "the scenario could not be run: {why}",
    "run.empty": "its timeline is empty",
    "run.omitted": "{n} entries are omitted here; timeline.jsonl of this run has them",
    "run.no_samples": "no more samples: {why}",
    "run.naive_writes": "a naive writer commits and then publishes, beside the outbox",
    "run.naive_lost": "commit, then publish: {n} of {m} events lost; the outbox lost none",
    "run.will_be_read_again": "{n} events in {m} messages will be read again",
    "run.requeued": "the failing event is requeued after the fix",
    "run.backlog_gone": "the backlog is back to zero",
    "run.database_answers": "the database answers",
    "run.file_rebuilt": "the audit file holds every notification again",
    "run.healthy": "every component is healthy",
    "run.worker_works": "the worker works again",
    "run.fault_over": "the {fault} of {part} is over",
    "load.at_once": "round {n}: one calculation and one approval, {m} times each, at once",
    "load.steady": "{n} commissions a second are calculated and approved",
    "load.ends": "the load ends: {n} commands acknowledged",
    "load.ends_refused": "the load ends: {n} commands acknowledged, {m} were refused",
    "load.burst": "a burst at the usual speed",
    "load.burst_slowed": "the same burst with a slowed worker",
    "injected.kill": "SIGKILL of {part}, pid {pid}, down for {s} s",
    "injected.slow": "{workers} take {ms} ms more for each event",
    "injected.fail": "every event of commission {id} fails in the worker",
    "injected.crash": "{part} dies where {point}",
    "injected.restart": "{part} was restarted",
    "injected.poison": "{n} messages that cannot be processed were published",
    "injected.offsets": "the capture's offsets are lost",
    "injected.file_cut": "{file} is cut in the middle of a line",
    "injected.file_changed": "{file} has another amount in a line",
    "injected.file_deleted": "{file} is deleted",
    "injected.other": "{part}: {fault}",
}

VERDICTS = {
    "verdict.line": "{verdict}: {reason}",
    "verdict.held": "all {n} invariants held, and the fault was real",
    "verdict.broken": "{checks}",
    "verdict.broken_check": "{name}: {detail}",
    "verdict.does_not_hold": "does not hold",
    "verdict.unconfirmed": "not confirmed: {what}",
    "verdict.hypothesis_tested": "that the hypothesis was tested",
    "verdict.judge_failed": "the judge failed: {why}",
    "check.line": "{name}: {how}",
    "check.line_with_detail": "{name}: {how} ({detail})",
    "check.holds": "holds",
    "check.broken": "DOES NOT HOLD",
}

JUDGE = {
    "judge.load_ended": "the load ended: {why}",
    "judge.load_died": "the load died: {why}",
    "judge.naive_ended": "the naive writer ended: {why}",
    "judge.listener_ended": "the listener ended: {why}",
    "judge.api_silent": "the API did not answer: {why}",
    "judge.api_limits": "the API's rate limit refused a request for {s} s; raise ALPES_API_RATE_LIMIT, or try later",
    "judge.api_refuses": "the API refuses this client: {why} (HTTP {status})",
    "repair.not_healthy": (
        "{part} is down ({detail}): what waits for it is not missing. Nothing was published again; run"
        " `./alpes status`, and try again when every component is healthy"
    ),
    "repair.standstill": "{n} of {m} missing events arrived, and no more for {s} s; run `./alpes status`, and try again",
    "waiting.too_long": "{what}: not within {s} s",
    "waiting.down_component": "{part} ({health})",
    "waiting.not_healthy": "not healthy after {s} s: {parts}",
    "waiting.topic_stopped": "{n} of {m} commands of the topic were not processed, and nothing happens any more",
    "waiting.not_notified": "{n} of {m} events have no notification, and nothing happens any more ({progress})",
    "waiting.progress": "{n} on the topic; every component is healthy",
    "waiting.progress_down": "{n} on the topic; down: {parts}",
    "waiting.sources_stopped": "the sources differ, and no count changes any more",
    "waiting.sources_differ": "the sources differ, and waiting cannot change that",
}
"""Errors of the judge, and what it has waited for too long."""

AWAITED = {
    "awaited.worker": "the worker runs again",
    "awaited.audit_worker": "the audit worker runs again",
    "awaited.observer": "the observer saw every event",
    "awaited.listener": "the listener received every event",
    "awaited.failing_published": "the failing event is published",
    "awaited.failing_dead_lettered": "the failing event is dead-lettered",
    "awaited.first_published": "the first event of the outbox is published",
    "awaited.duplicates": "every duplicate is counted",
    "awaited.database": "the database answers again",
    "awaited.api": "the API is healthy again",
    "awaited.audit_file": "there is an audit file",
    "awaited.audit_complete": "the audit file holds every event",
    "awaited.file_rebuilt": "the file is rebuilt ({damage})",
    "awaited.topic_commands": "{n} commands of the topic processed",
    "awaited.commands": "{n} more commands acknowledged",
    "awaited.naive_commits": "the naive writer committed {n} more",
    "awaited.notifications": "notifications of {n} events",
    "awaited.replayed": "notifications of all events committed before the replay",
    "awaited.agreement": "committed = published = notified = audited",
}
"""What a run waits for, and says when it does not come in time."""

DETAILS = {
    "detail.violations": "violations: {n}",
    "detail.lost": "{n} lost",
    "detail.events_of": "{n} events of {m} commissions",
    "detail.read_again": "{n} of {m} events were read again",
    "detail.at_most": "at most {n} events",
    "detail.events": "{n} events",
    "detail.did_not": "{n} of {m} not",
    "detail.did": "{n} of {m} did",
    "detail.of": "{n} of {m}",
    "detail.number": "{n}",
    "detail.commands": "{n} commands",
    "detail.new": "{n} new",
    "detail.absorbed": "{n} absorbed",
    "detail.medians": "p50 {a} ms, then {b} ms",
    "detail.not_within": "not within {s} s",
    "detail.rows": "{n} commission, {m} outbox row",
    "detail.status": "HTTP {n}",
}

FAULTS = {
    "point.command.state_written": "the commission is written, its outbox row is not, nothing is committed",
    "point.command.outbox_written": "the commission and its outbox row are written, nothing is committed",
    "point.command.committed": "both rows are committed, the command was not acknowledged",
    "point.notifications.committed": "the notifications are committed, the messages are not acknowledged",
    "point.audit.half_appended": "half of the audit lines are written",
    "fault.kill": "kill",
    "fault.slow": "slow",
    "fault.restart": "restart",
    "fault.crash": "crash at {point}",
    "fault.offsets": "lost offsets",
    "fault.file": "file damaged",
}
"""Crash points and faults, which stand inside other messages."""

for _templates in (
    PROPERTIES,
    INVARIANTS,
    SEEN,
    CHECKS,
    CONFIRMATIONS,
    TIMELINE,
    VERDICTS,
    JUDGE,
    AWAITED,
    DETAILS,
    FAULTS,
):
    register(_templates)
