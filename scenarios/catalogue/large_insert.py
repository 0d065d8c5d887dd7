"""Statements insert many rows while the broker is slow: the capture's reader waits within one of their transactions."""

from __future__ import annotations

from functools import partial

from domain.message import Message
from scenarios import repair
from scenarios.bulk_rows import commit_commissions, count_published
from scenarios.model import OF_OUR_MYSQL, Scenario
from scenarios.trial import Standstill, Trial, busy_factor
from stacks import faults

ROWS = 14_000
HELD = 8192 + 2048 + 1000
"""The most events that Debezium's queue, its batch and the producer hold by default. Further ones are unread."""
PER_S = 100
"""Messages a second that the broker accepts meanwhile: a batch takes it twenty seconds."""
WAITS_S = 4.0
"""How long the reader waits at least. A keep-alive of one second takes its connection for lost by then."""
LEASE_S = 120.0
PUBLISHES_WITHIN_S = 120.0
PAIRS = 5


def experiment(trial: Trial) -> None:
    trial.send_pairs(PAIRS)
    trial.wait_until_notified(trial.acknowledged)
    producer = f"bulk-{trial.run_id[:8]}"
    begin = partial(faults.throttle, trial.settings, PER_S, LEASE_S)
    with trial.leased("broker", Message("fault.slow_broker"), begin, partial(faults.unthrottle, trial.settings)):
        event_ids = commit_commissions(trial.application, producer, ROWS)
        trial.pause(WAITS_S)
        unread = ROWS - HELD - count_published(trial.settings, producer)
        trial.confirm(Message("confirm.rows_unread", n=max(0, unread)), lambda: unread > 0)
    trial.send_pairs(PAIRS)
    standstill = Standstill(trial)
    trial.wait(
        lambda: count_published(trial.settings, producer) == ROWS or standstill.reached(),
        PUBLISHES_WITHIN_S * busy_factor(),
        Message("awaited.bulk_published", n=ROWS),
        0.2,
    )
    published = count_published(trial.settings, producer)
    if published < ROWS:  # whoever comes next should not miss them
        trial.at_end(partial(repair.repair, trial.settings, trial.say_repair))
    trial.check(Message("check.bulk_published"), published == ROWS, Message("detail.of", n=published, m=ROWS))
    if published == ROWS:
        trial.wait_until_notified(trial.acknowledged | set(event_ids), PUBLISHES_WITHIN_S)


SCENARIO = Scenario(
    name="large-insert",
    quality="A reader that has to wait",
    hypothesis="While the broker is slow, rows of large inserts wait in the binlog; each of them is published.",
    breaks=f"The broker accepts {PER_S} events a second while {ROWS:,} are committed, 1,000 with each statement.",
    experiment=experiment,
    stacks=OF_OUR_MYSQL,
    attribute="consistency",
    takes_s=40,
)
