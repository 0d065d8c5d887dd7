"""The same command many times at once has one effect."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx

from scenarios.api_client import ApiClient, NoWayIn
from scenarios.model import Scenario
from scenarios.routes import body_of
from scenarios.trial import Trial

ROUNDS = 5
AT_ONCE = 12


def experiment(trial: Trial) -> None:
    answers: Counter[str] = Counter()
    with trial.api(timeout_s=20) as api:
        for number in range(1, ROUNDS + 1):
            trial.say("load", f"round {number}: one calculation and one approval, {AT_ONCE} times each, at once")
            _round(trial, api, answers)
    trial.confirm(f"{answers['refused']} repeated calculations were refused", lambda: answers["refused"] > 0)
    trial.arrived(trial.acknowledged)
    repeats = ROUNDS * (AT_ONCE - 1)
    trial.check("one commission a conversion", answers["created"] == ROUNDS, f"{answers['created']} of {ROUNDS}")
    trial.check("every repeated calculation is refused", answers["refused"] == repeats, f"{answers['refused']}")
    trial.check("one approval has an effect", answers["approved"] == ROUNDS, f"{answers['approved']} of {ROUNDS}")
    trial.check("every repeated approval changes nothing", answers["unchanged"] == repeats, f"{answers['unchanged']}")
    committed = len(trial.committed())
    trial.check("two events a commission", committed == 2 * ROUNDS, f"{committed} events of {ROUNDS} commissions")
    trial.figures["answers"] = dict(answers)
    if trial.settings.stack != "embedded":
        trial.figures["refused_by"] = "MySQL's error 1062, duplicate entry for commission.conversion_id"


def _round(trial: Trial, api: ApiClient, answers: Counter[str]) -> None:
    command = trial.next_command()
    commission_id = ""
    for answer in _at_once(api, "/commissions/calculate", body_of(command)):
        if answer.status_code == 201:
            commission_id = answer.json()["commissionId"]
            trial.acknowledged.update(answer.json()["eventIds"])
        answers["created" if answer.status_code == 201 else "refused" if answer.status_code == 409 else "failed"] += 1
    for answer in _at_once(api, "/commissions/approve", {"commissionId": commission_id}):
        changed = answer.status_code == 200 and answer.json()["changed"]
        if changed:
            trial.acknowledged.update(answer.json()["eventIds"])
        answers["approved" if changed else "unchanged" if answer.status_code == 200 else "failed"] += 1


def _at_once(api: ApiClient, path: str, body: dict[str, str]) -> list[httpx.Response]:
    """Raises NoWayIn, also where the API answers nobody."""
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda _: api.post(path, body), range(AT_ONCE)))
    except httpx.TransportError as error:
        raise NoWayIn(f"the API did not answer: {error}") from error


SCENARIO = Scenario(
    name="duplicate-command",
    quality="Idempotency in the domain",
    hypothesis="The same command sent many times at once makes one commission and two events.",
    breaks=f"Each command goes to the API {AT_ONCE} times at once.",
    experiment=experiment,
    takes_s=5,
)
