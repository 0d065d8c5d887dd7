"""Issuing commands from the page: what was asked, what came of it, in words."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from application import Application
from application.permissions import Action, Caller, require
from db.errors import DatabaseUnavailable
from domain.commands import ApproveCommission, CalculateCommission, Command, CommissionResult
from domain.errors import Refusal

ANSWER_WITHIN_S = 5.0
"""A page does not wait longer: a database that hangs must not freeze it."""

T = TypeVar("T")
Asked = Literal["calculate", "approve"]

_senders = ThreadPoolExecutor(8, thread_name_prefix="command")


@dataclass(frozen=True, slots=True)
class Answer:
    """Either the result, or why there is none."""

    result: CommissionResult | None
    refusal: Refusal | None = None
    outage: str | None = None
    unknown: bool = False
    """No answer in time: whether it was written is not known yet."""
    ms: float = 0.0
    """From the command to the commit's return."""
    asked: Asked = "calculate"
    at: float = field(default_factory=time.time)
    """Seconds since the epoch."""


def calculate(
    application: Application, conversion: str, affiliate: str, campaign: str, gross: str, currency: str
) -> Answer:
    values = (conversion.strip(), affiliate.strip(), campaign.strip(), gross.strip(), currency.strip())
    return _send(application, CalculateCommission(*values))


def approve(application: Application, commission_id: str) -> Answer:
    return replace(_send(application, ApproveCommission(commission_id.strip())), asked="approve")


def new_conversion() -> str:
    return str(uuid.uuid4())


def _send(application: Application, command: Command) -> Answer:
    """Raises Forbidden."""
    require(application.settings, Action.ISSUE_COMMANDS, Caller.PAGE)
    began = time.perf_counter()
    try:
        result = within(lambda: application.send(command), ANSWER_WITHIN_S)
    except Refusal as error:
        return Answer(None, refusal=error)
    except DatabaseUnavailable as error:
        return Answer(None, outage=str(error))
    except TookTooLong:
        return Answer(None, unknown=True)
    return Answer(result, ms=(time.perf_counter() - began) * 1000)


def within(work: Callable[[], T], seconds: float) -> T:
    """Its result. Raises TimeoutError when it takes longer; it goes on in the background then."""
    return _senders.submit(work).result(seconds)
