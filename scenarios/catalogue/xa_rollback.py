"""A distributed transaction is prepared and rolled back: MySQL's binlog shows its rows, and Debezium publishes them."""

from __future__ import annotations

from domain.message import Message
from scenarios.model import OF_OUR_MYSQL, Scenario
from scenarios.prepared import PreparedTransaction
from scenarios.reconciliation import reconcile
from scenarios.trial import Trial

PAIRS = 5


def experiment(trial: Trial) -> None:
    template_id = trial.calculate().commission_id
    trial.send_pairs(PAIRS)
    trial.wait_until_notified(trial.acknowledged)
    transaction = PreparedTransaction(trial.settings)
    trial.at_end(transaction.close)
    prepared = transaction.prepare(template_id)
    trial.rolled_back.add(prepared.event_id)
    trial.at_end(lambda: transaction.commit_after_all(prepared))
    with trial.injected("database", Message("fault.rolled_back_xa"), transaction.roll_back):
        is_published = trial.confirm(
            Message("confirm.phantom_published"), lambda: prepared.event_id in trial.published()
        )
    if not is_published:
        return
    trial.say("note", Message("run.phantom", id=prepared.event_id))
    trial.wait_until_notified({prepared.event_id})
    reconciled = reconcile(trial.application, trial.settings, trial.run_id)
    named = reconciled.never_committed == (prepared.event_id,) and not reconciled.row_deleted
    detail = Message("detail.reasons", reasons=", ".join(reconciled.never_committed) or "-")
    trial.check(Message("check.phantom_named"), named, detail)


SCENARIO = Scenario(
    name="xa-rollback",
    quality="What the binlog shows too early",
    hypothesis="MySQL's binlog shows a prepared transaction although it is rolled back; reconciliation names its event.",
    breaks="An XA transaction is prepared and rolled back. What was published of it is committed after the verdict.",
    experiment=experiment,
    stacks=OF_OUR_MYSQL,
    attribute="consistency",
    takes_s=6,
)
