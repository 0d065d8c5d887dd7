"""State and outbox row are one transaction: both or neither, wherever the process dies."""

from __future__ import annotations

from contextlib import suppress

import httpx

from db import queries
from scenarios.model import Scenario
from scenarios.routes import body_of
from scenarios.trial import Trial
from stacks import health

POINTS = {
    "command.state_written": 0,
    "command.outbox_written": 0,
    "command.committed": 1,
}
"""Where the API dies → how many of (commission, outbox row) pairs are left."""


def experiment(trial: Trial) -> None:
    for point, left in POINTS.items():
        command = trial.next_command()
        body = body_of(command)

        def send(body: dict[str, str] = body) -> None:
            with suppress(httpx.TransportError):  # it dies before it answers
                _post(trial, body)

        if not trial.crash("api", point, send):
            continue  # it did not die there: what is left says nothing
        trial.wait(lambda: _api_is_well(trial), 30, "the API is back")
        rows = _rows(trial, command.conversion_id)
        trial.check(
            f"died at {point}: {'both rows' if left else 'neither row'}",
            rows == (left, left),
            f"{rows[0]} commission, {rows[1]} outbox row",
        )
        answer = _post(trial, body)
        wanted = 409 if left else 201
        trial.check("sent again it does what is missing", answer.status_code == wanted, f"HTTP {answer.status_code}")
    trial.arrived(trial.committed())


def _post(trial: Trial, body: dict[str, str]) -> httpx.Response:
    with trial.api() as api:
        return api.post("/commissions/calculate", body)


def _rows(trial: Trial, conversion_id: str) -> tuple[int, int]:
    with trial.application.reading() as connection:
        commission = queries.commission_by_conversion(connection, conversion_id)
        if commission is None:
            rows = queries.outbox_of_correlation(connection, trial.run_id)
            return 0, sum(1 for row in rows if row.payload.get("conversionId") == conversion_id)
        return 1, len(queries.outbox_of(connection, commission.id))


def _api_is_well(trial: Trial) -> bool:
    rows = health.check(trial.settings, trial.application.engine)
    return all(row.light == "ok" for row in rows if row.part == "api")


SCENARIO = Scenario(
    name="atomicity",
    quality="Outbox in the same transaction",
    hypothesis="Wherever the process dies, the commission and its outbox row are both there or both not.",
    breaks="The API dies by SIGKILL between the two writes, before the commit, and right after it.",
    experiment=experiment,
    takes_s=12,
)
