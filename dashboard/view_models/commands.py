"""Issuing commands from the page: what was asked, what came of it, in words."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from application import Application
from db.errors import DatabaseUnavailable
from domain.commands import ApproveCommission, CalculateCommission, Command, CommissionResult
from domain.errors import Refusal


@dataclass(frozen=True, slots=True)
class Answer:
    """Either the result, or why there is none."""

    result: CommissionResult | None
    refusal: str | None = None
    outage: str | None = None


def calculate(
    application: Application, conversion: str, affiliate: str, campaign: str, gross: str, currency: str
) -> Answer:
    return _send(
        application,
        CalculateCommission(conversion.strip(), affiliate.strip(), campaign.strip(), gross.strip(), currency.strip()),
    )


def approve(application: Application, commission_id: str) -> Answer:
    return _send(application, ApproveCommission(commission_id))


def new_conversion() -> str:
    return str(uuid.uuid4())


def _send(application: Application, command: Command) -> Answer:
    try:
        return Answer(application.send(command))
    except Refusal as error:
        return Answer(None, refusal=str(error))
    except DatabaseUnavailable as error:
        return Answer(None, outage=str(error))
