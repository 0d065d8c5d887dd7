"""A transaction takes its `seq` and commits long after others with a higher one."""

from __future__ import annotations

from db import queries
from domain.message import Message
from scenarios.model import OF_OUR_MYSQL, Scenario
from scenarios.transactions import held_open
from scenarios.trial import Trial

LATER_EVENTS = 40


def experiment(trial: Trial) -> None:
    command = trial.next_command()
    fault = Message("fault.long_transaction")
    with held_open(trial, command) as held, trial.load() as load, trial.injected("database", fault, lambda: None):
        load.wait_for_more(LATER_EVENTS)
        published_before = load.event_ids
        trial.wait_until_notified(published_before)
    late = set(held.result().event_ids)
    with trial.application.reading() as connection:
        rows = queries.outbox_of_correlation(connection, trial.run_id)
    late_seq = max(row.seq for row in rows if row.id in late)
    overtaking = [row for row in rows if row.id in published_before and row.seq > late_seq]
    trial.confirm(Message("confirm.lower_seq_later", n=len(overtaking)), lambda: bool(overtaking))
    trial.wait_until_notified(trial.acknowledged)


SCENARIO = Scenario(
    name="long-transaction",
    quality="Order of commits",
    hypothesis="A row that is committed after rows with a higher seq is published: nothing is skipped.",
    breaks="A transaction writes its outbox row and stays open while others commit theirs.",
    experiment=experiment,
    stacks=OF_OUR_MYSQL,
    attribute="consistency",
    takes_s=10,
)
