"""Other tables are written for long and the outbox is not, until the binlog with its last event is purged."""

from __future__ import annotations

from contextlib import suppress

from domain.message import Message
from scenarios import mysql_server, source_faults
from scenarios.model import Scenario
from scenarios.sources import holds_for_all
from scenarios.trial import Trial
from scenarios.waiting import TookTooLong
from stacks.captures import capture_of

MOVES_WITHIN_S = 45.0
"""The source's heartbeat comes every 30 s."""
PAIRS = 10
BUSY_TABLE = "busy_beside_the_outbox"


def experiment(trial: Trial) -> None:
    first_ids = source_faults.notify_first(trial)
    last_binlogs = mysql_server.list_binlogs(trial.settings)
    trial.at_end(lambda: mysql_server.execute(trial.settings, f"DROP TABLE IF EXISTS {BUSY_TABLE}"))
    mysql_server.execute(
        trial.settings,
        f"CREATE TABLE IF NOT EXISTS {BUSY_TABLE} (id BIGINT AUTO_INCREMENT PRIMARY KEY)",
        "FLUSH BINARY LOGS",
    )
    with suppress(TookTooLong):
        trial.wait(lambda: _moves_on(trial, last_binlogs), MOVES_WITHIN_S, Message("awaited.offset_moves"), 0.2)
    with trial.injected(
        "database", Message("fault.binlog_purged"), lambda: mysql_server.purge_binlogs_before_last(trial.settings)
    ):
        trial.confirm(
            Message("confirm.binlog_purged", n=len(last_binlogs)),
            lambda: not last_binlogs & mysql_server.list_binlogs(trial.settings),
        )
    replaced = trial.replacement_check(trial.capture_part)
    with trial.restarted(trial.capture_part):
        trial.confirm(Message("confirm.capture_new"), replaced, 60)
    trial.send_pairs(PAIRS)
    trial.wait_until_notified(trial.acknowledged, trial.full_replay_deadline_s())
    trial.wait(lambda: trial.acknowledged <= trial.published().keys(), 20, Message("awaited.observer"))
    published_counts = trial.published()
    trial.check(
        Message("check.goes_on_without_snapshot"),
        holds_for_all(first_ids, lambda event_id: published_counts[event_id] == 1),
        Message(
            "detail.read_again",
            n=sum(1 for event_id in first_ids if published_counts[event_id] > 1),
            m=len(first_ids),
        ),
    )


def _moves_on(trial: Trial, last_binlogs: set[str]) -> bool:
    """Write to the other table, and return whether the stored offset is behind the binlog files with the last event."""
    mysql_server.execute(trial.settings, f"INSERT INTO {BUSY_TABLE} () VALUES ()")
    file = capture_of(trial.settings).read_binlog_file()
    return bool(file) and file not in last_binlogs


SCENARIO = Scenario(
    name="idle-capture",
    quality="An idle outbox",
    hypothesis="While only other tables are written, the source's offset moves on: it outlives the binlog of the last event.",
    breaks="The outbox is not written for half a minute, its binlog is purged, and the source is restarted.",
    experiment=experiment,
    stacks=("native",),
    takes_s=60,
)
