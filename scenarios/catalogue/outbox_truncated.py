"""The outbox is emptied under load, first by DELETE and then by TRUNCATE, as by a careless clean-up."""

from __future__ import annotations

from domain.message import Message
from scenarios import outbox_rows
from scenarios.catalogue.delete_after_insert import check_named_as_deleted, check_published
from scenarios.model import OF_OUR_MYSQL, Scenario
from scenarios.trial import Trial

MORE = 20


def experiment(trial: Trial) -> None:
    trial.deletes_rows = True
    trial.at_end(lambda: outbox_rows.put_rows_back(trial.settings))
    with trial.load() as load:
        load.wait_for_more(MORE)
        deleted = _empty(trial, Message("fault.outbox_deleted"), outbox_rows.DELETE)
        load.wait_for_more(MORE)
        deleted |= _empty(trial, Message("fault.outbox_truncated"), outbox_rows.TRUNCATE)
        load.wait_for_more(MORE)
    check_published(trial, deleted)
    trial.wait_until_notified(trial.acknowledged)
    check_named_as_deleted(trial, deleted)
    trial.figures["deleted"] = len(deleted)


def _empty(trial: Trial, fault: Message, statements: tuple[str, ...]) -> set[str]:
    """Empty the outbox and return the ids of the run's events whose rows are gone."""
    deleted: set[str] = set()

    def delete() -> None:
        deleted.update(outbox_rows.delete_rows(trial.settings, statements, trial.run_id))

    with trial.injected("database", fault, delete):
        trial.confirm(
            Message("confirm.rows_gone", n=len(deleted)), lambda: bool(deleted) and not deleted & trial.committed()
        )
    return deleted


SCENARIO = Scenario(
    name="outbox-truncated",
    quality="The outbox is emptied",
    hypothesis="Events whose rows are deleted or truncated after their commit are published, and reconciliation counts them.",
    breaks="All outbox rows are deleted under load, and then truncated; after the verdict they are put back.",
    experiment=experiment,
    stacks=OF_OUR_MYSQL,
    attribute="consistency",
    takes_s=8,
)
