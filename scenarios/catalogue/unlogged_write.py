"""Events are committed by a session that writes no binlog, so no capture ever sees them; `repair` publishes them."""

from __future__ import annotations

from application import Application
from domain.message import Message
from scenarios import repair
from scenarios.model import OF_OUR_MYSQL, Scenario
from scenarios.reconciliation import reconcile
from scenarios.transactions import send_pair
from scenarios.trial import Trial
from stacks.native.root import make_root_url

UNLOGGED_PAIRS = 3
OTHER_PAIRS = 5


def experiment(trial: Trial) -> None:
    trial.send_pairs(OTHER_PAIRS)
    captured = set(trial.acknowledged)
    settings = trial.settings.model_copy(update={"database_url": make_root_url(trial.settings, sql_log_bin=0)})
    with (
        Application(settings, pool_size=1) as application,
        trial.injected("database", Message("fault.unlogged"), lambda: None),
    ):
        for _ in range(UNLOGGED_PAIRS):
            send_pair(trial, application)
    unlogged = trial.acknowledged - captured
    trial.send_pairs(OTHER_PAIRS)
    trial.wait_until_notified(trial.acknowledged - unlogged)
    trial.confirm(
        Message("confirm.not_captured", n=len(unlogged)),
        lambda: bool(unlogged) and not unlogged & trial.published().keys(),
    )
    missing = set(repair.find_missing_events(trial.settings, trial.say_repair).values())
    not_published = set(reconcile(trial.application, trial.settings, trial.run_id).not_published)
    trial.check(
        Message("check.missing_named"),
        missing == not_published == unlogged,
        Message("detail.of", n=len(missing & not_published & unlogged), m=len(missing | not_published | unlogged)),
    )
    repaired = repair.repair(trial.settings, trial.say_repair)
    trial.check(
        Message("check.repaired_exactly"),
        repaired.published_again == len(unlogged) and not repaired.others_published,
        Message("detail.of", n=repaired.published_again, m=len(unlogged)),
    )
    trial.wait_until_notified(unlogged)


SCENARIO = Scenario(
    name="unlogged-write",
    quality="What no capture sees",
    hypothesis="Reconciliation names the events that are in no binlog, and the repair publishes exactly these.",
    breaks="A session with sql_log_bin=0 commits commissions and outbox rows.",
    experiment=experiment,
    stacks=OF_OUR_MYSQL,
    attribute="consistency",
    takes_s=30,
)
