"""Issue commands from the page, and return their answers."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field
from typing import TypeVar

from application import Application
from application.permissions import Action, Caller, require
from db.errors import DatabaseUnavailable
from domain.changes import find_change
from domain.commands import ApproveCommission, CalculateCommission, Command, CommissionResult
from domain.errors import Refusal
from domain.message import Message, extract_message

ANSWER_WITHIN_S = 5.0
"""The longest wait of a page: a hung database must not freeze it."""

T = TypeVar("T")
CommandName = str
"""The name of a command in `domain.changes`."""

_senders = ThreadPoolExecutor(8, thread_name_prefix="command")


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a command, or the reason why there is none."""

    result: CommissionResult | None
    refusal: Refusal | None = None
    outage: Message | None = None
    unknown: bool = False
    """There was no answer in time: whether the command was written is not known yet."""
    ms: float = 0.0
    """Milliseconds from the command until the commit returned."""
    command: CommandName = "calculate"
    at: float = field(default_factory=time.time)
    """Seconds since the epoch."""


def calculate(
    application: Application, conversion: str, affiliate: str, campaign: str, gross: str, currency: str
) -> Answer:
    values = (conversion.strip(), affiliate.strip(), campaign.strip(), gross.strip(), currency.strip())
    return _send(application, CalculateCommission(*values))


def approve(application: Application, commission_id: str) -> Answer:
    return _send(application, ApproveCommission(commission_id.strip()))


def new_conversion() -> str:
    return str(uuid.uuid4())


def _send(application: Application, command: Command) -> Answer:
    """Send a command and return its answer. Raises Forbidden."""
    require(application.settings, Action.ISSUE_COMMANDS, Caller.PAGE)
    command_name = find_change(command).name
    began = time.perf_counter()
    try:
        result = within(lambda: application.send(command), ANSWER_WITHIN_S)
    except Refusal as error:
        return Answer(None, refusal=error, command=command_name)
    except DatabaseUnavailable as error:
        return Answer(None, outage=extract_message(error), command=command_name)
    except TookTooLong:
        return Answer(None, unknown=True, command=command_name)
    return Answer(result, ms=(time.perf_counter() - began) * 1000, command=command_name)


def within(work: Callable[[], T], seconds: float) -> T:
    """Return the result of `work`. Raises TimeoutError after `seconds`; the work then continues in the background."""
    return _senders.submit(work).result(seconds)
