"""The outbox row is deleted in the transaction that inserts it: only the database's log ever shows it."""

from __future__ import annotations

from contextlib import suppress

from domain.message import Message
from scenarios import outbox_rows
from scenarios.model import OF_OUR_MYSQL, Scenario
from scenarios.reconciliation import reconcile
from scenarios.transactions import deleting_rows, send_pair
from scenarios.trial import Trial
from scenarios.waiting import TookTooLong

PAIRS = 20
PUBLISHED_WITHIN_S = 20.0


def experiment(trial: Trial) -> None:
    trial.deletes_rows = True
    outbox_rows.make_copy_table(trial.settings)
    trial.at_end(lambda: outbox_rows.put_rows_back(trial.settings))
    with (
        deleting_rows(trial.settings, trial.run_id, outbox_rows.copy_rows) as application,
        trial.injected("database", Message("fault.row_deleted"), lambda: None),
    ):
        for _ in range(PAIRS):
            send_pair(trial, application)
    sent = trial.acknowledged
    trial.confirm(Message("confirm.no_rows", n=len(sent)), lambda: bool(sent) and not trial.committed())
    check_published(trial, sent)
    trial.wait_until_notified(sent)
    check_named_as_deleted(trial, sent)


def check_published(trial: Trial, event_ids: set[str]) -> None:
    """Check that the events, whose rows are gone, are on the topic."""
    with suppress(TookTooLong):
        trial.wait(
            lambda: event_ids <= trial.published().keys(), PUBLISHED_WITHIN_S, Message("awaited.deleted_published")
        )
    missing = event_ids - trial.published().keys()
    trial.check(
        Message("check.deleted_published"), not missing, Message("detail.did_not", n=len(missing), m=len(event_ids))
    )


def check_named_as_deleted(trial: Trial, event_ids: set[str]) -> None:
    """Check that `reconcile` counts exactly these events as committed without a row, and none as never committed."""
    reconciled = reconcile(trial.application, trial.settings, trial.run_id)
    named = set(reconciled.row_deleted)
    trial.check(
        Message("check.deleted_named"),
        named == event_ids and not reconciled.never_committed,
        Message("detail.of", n=len(named & event_ids), m=len(event_ids)),
    )


SCENARIO = Scenario(
    name="delete-after-insert",
    quality="An outbox without rows",
    hypothesis="An event whose row is deleted in its own transaction is published, and reconciliation counts it as committed.",
    breaks="Each transaction deletes its outbox row before it commits; after the verdict the rows are put back.",
    experiment=experiment,
    stacks=OF_OUR_MYSQL,
    attribute="consistency",
    takes_s=6,
)
