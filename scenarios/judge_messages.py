"""Define the English templates of what the judge of a scenario says when it fails, and of what it waits for."""

from __future__ import annotations

from domain.message import register

JUDGE = {
    "judge.load_ended": "the load ended: {why}",
    "judge.load_died": "the load died: {why}",
    "judge.naive_ended": "the writer without an outbox ended: {why}",
    "judge.listener_ended": "the listener ended: {why}",
    "judge.not_calm": "not everything was called healthy before the fault: {why}",
    "judge.stood_still": "this machine stood still for {s} s, so the answers say nothing of the system: {why}",
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
    "waiting.unhealthy": "after {s} s: {said}",
    "waiting.not_notified": "{n} of {m} events have no notification, and nothing happens any more ({progress})",
    "waiting.progress": "{n} on the topic; every component is healthy",
    "waiting.progress_down": "{n} on the topic; down: {parts}",
    "waiting.sources_stopped": "the sources differ, and no count changes any more",
    "waiting.sources_differ": "the sources differ, and waiting cannot change that",
}
"""Errors of the judge, and what it has waited for too long."""

AWAITED = {
    "awaited.part": "{part} runs again",
    "awaited.worker": "the worker runs again",
    "awaited.audit_worker": "the audit worker runs again",
    "awaited.observer": "the observer saw every event",
    "awaited.listener": "the listener received every event",
    "awaited.failing_published": "the failing event is published",
    "awaited.failing_dead_lettered": "the failing event is dead-lettered",
    "awaited.first_published": "the first event of the outbox is published",
    "awaited.duplicates": "every duplicate is counted",
    "awaited.capture_ended": "the capture no longer reads the binlog",
    "awaited.big_row": "the large row is a dead letter",
    "awaited.server_known": "the source's watcher has compared the servers' ids",
    "awaited.snapshot": "a new snapshot has published every earlier event again",
    "awaited.server": "{part} is at work again",
    "awaited.binlog_passes": "the new binlog is longer than the old one",
    "awaited.database": "the database answers again",
    "awaited.api": "the API is healthy again",
    "awaited.audit_file": "there is an audit file",
    "awaited.audit_complete": "the audit file holds every event",
    "awaited.file_rebuilt": "the file is rebuilt ({damage})",
    "awaited.topic_commands": "{n} commands of the topic processed",
    "awaited.some_processed": "some commands of the topic are processed",
    "awaited.commands": "{n} more commands acknowledged",
    "awaited.naive_commits": "{n} more commands repeated without an outbox",
    "awaited.notifications": "notifications of {n} events",
    "awaited.replayed": "notifications of all events committed before the replay",
    "awaited.progress": "{part} stores something",
    "awaited.truth": "every source says what is wrong",
    "awaited.all_healthy": "status, page, API and metrics call everything healthy",
    "awaited.agreement": "committed = published = notified = audited",
}
"""What a run waits for, and says when it does not come in time."""

for _templates in (JUDGE, AWAITED):
    register(_templates)
