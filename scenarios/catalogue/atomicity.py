"""State and outbox row are one transaction: both are written or neither, wherever the process dies."""

from __future__ import annotations

from contextlib import suppress

import httpx

from db import queries
from domain.commands import CalculateCommission
from domain.message import Message
from scenarios.model import Scenario
from scenarios.trial import Trial
from stacks import health

POINTS = {
    "command.state_written": 0,
    "command.outbox_written": 0,
    "command.committed": 1,
}
"""Crash point of the API → number of pairs (commission, outbox row) that must exist afterwards."""


def experiment(trial: Trial) -> None:
    for point, expected_rows in POINTS.items():
        command = trial.next_command()

        def send(command: CalculateCommission = command) -> None:
            with suppress(httpx.TransportError):  # the API dies before it answers
                _post(trial, command)

        if not trial.crash("api", point, send):
            continue  # the API did not die there, so its rows prove nothing
        trial.wait(lambda: _api_is_healthy(trial), 30, Message("awaited.api"))
        rows = _count_rows(trial, command.conversion_id)
        trial.check(
            Message("check.both_rows", point=point) if expected_rows else Message("check.neither_row", point=point),
            rows == (expected_rows, expected_rows),
            Message("detail.rows", n=rows[0], m=rows[1]),
        )
        response = _post(trial, command)
        expected_status = 409 if expected_rows else 201
        trial.check(
            Message("check.completes_when_repeated"),
            response.status_code == expected_status,
            Message("detail.status", n=response.status_code),
        )
    trial.wait_until_notified(trial.committed())


def _post(trial: Trial, command: CalculateCommission) -> httpx.Response:
    with trial.api() as api:
        return trial.post(api, command)


def _count_rows(trial: Trial, conversion_id: str) -> tuple[int, int]:
    with trial.application.reading() as connection:
        commission = queries.commission_by_conversion(connection, conversion_id)
        if commission is None:
            rows = queries.outbox_of_correlation(connection, trial.run_id)
            return 0, sum(1 for row in rows if row.payload.get("conversionId") == conversion_id)
        return 1, len(queries.outbox_of_commission(connection, commission.id))


def _api_is_healthy(trial: Trial) -> bool:
    rows = health.check(trial.settings, trial.application.engine)
    return all(row.light == "ok" for row in rows if row.part == "api")


SCENARIO = Scenario(
    name="atomicity",
    quality="Outbox in the same transaction",
    hypothesis="Wherever the process dies, the commission and its outbox row are both present or both absent.",
    breaks="The API dies by SIGKILL between the two writes, before the commit, and right after it.",
    experiment=experiment,
    attribute="consistency",
    takes_s=12,
)
