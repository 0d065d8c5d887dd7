"""The same command, sent many times at once, has one effect."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx

from domain.changes.approve import CommissionApproved
from domain.commands import ApproveCommission, Command
from domain.message import Message
from scenarios.api_client import AccessRefused, ApiClient
from scenarios.model import Scenario
from scenarios.trial import Trial
from settings.stack_facts import DatabaseKind

ROUNDS = 5
AT_ONCE = 12
CALCULATION_OUTCOMES = {201: "created", 409: "refused"}
"""HTTP status → outcome of a calculation."""


def experiment(trial: Trial) -> None:
    counts: Counter[str] = Counter()
    with trial.api(timeout_s=20) as api:
        for number in range(1, ROUNDS + 1):
            trial.say("load", Message("load.at_once", n=number, m=AT_ONCE))
            _send_round(trial, api, counts)
    trial.confirm(Message("confirm.calculations_refused", n=counts["refused"]), lambda: counts["refused"] > 0)
    trial.wait_until_notified(trial.acknowledged)
    repeats = ROUNDS * (AT_ONCE - 1)
    created, refused = counts["created"], counts["refused"]
    trial.check(Message("check.one_commission"), created == ROUNDS, Message("detail.of", n=created, m=ROUNDS))
    trial.check(Message("check.calculations_refused"), refused == repeats, Message("detail.number", n=refused))
    approved, unchanged = counts["approved"], counts["unchanged"]
    trial.check(Message("check.one_approval"), approved == ROUNDS, Message("detail.of", n=approved, m=ROUNDS))
    trial.check(Message("check.approvals_change_nothing"), unchanged == repeats, Message("detail.number", n=unchanged))
    shown_count = counts["shown"]
    trial.check(
        Message("check.query_shows_state"), shown_count == ROUNDS, Message("detail.of", n=shown_count, m=ROUNDS)
    )
    committed = len(trial.committed())
    trial.check(
        Message("check.two_events"), committed == 2 * ROUNDS, Message("detail.events_of", n=committed, m=ROUNDS)
    )
    trial.figures["answers"] = dict(counts)
    if trial.settings.facts.database is DatabaseKind.MYSQL:
        trial.figures["refused_by"] = "MySQL's error 1062, duplicate entry for commission.conversion_id"


def _send_round(trial: Trial, api: ApiClient, counts: Counter[str]) -> None:
    command = trial.next_command()
    commission_id = ""
    for answer in _post_at_once(trial, api, command):
        if answer.status_code == 201:
            commission_id = answer.json()["commissionId"]
        counts[CALCULATION_OUTCOMES.get(answer.status_code, "failed")] += 1
    for answer in _post_at_once(trial, api, ApproveCommission(commission_id, trial.run_id)):
        if answer.status_code != 200:
            counts["failed"] += 1
        elif answer.json()["changed"]:
            counts["approved"] += 1
        else:
            counts["unchanged"] += 1
    response = api.get(f"/commissions/by-conversion/{command.conversion_id}")
    counts["shown"] += response.is_success and response.json()["status"] == CommissionApproved.status


def _post_at_once(trial: Trial, api: ApiClient, command: Command) -> list[httpx.Response]:
    """Post the same command in parallel and return the responses. Raises AccessRefused, also when the API does not answer."""
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda _: trial.post(api, command), range(AT_ONCE)))
    except httpx.TransportError as error:
        raise AccessRefused(Message("judge.api_silent", why=str(error))) from error


SCENARIO = Scenario(
    name="duplicate-command",
    quality="Idempotency in the domain",
    hypothesis="The same command sent many times at once creates one commission and two events.",
    breaks=f"Each command goes to the API {AT_ONCE} times at once.",
    experiment=experiment,
    attribute="idempotency",
    takes_s=5,
)
