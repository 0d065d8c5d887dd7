"""Routes by which commands of a load reach the system: in the load's own process, over HTTP, through the commands topic."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import httpx
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from application import Application
from connectors.broker import Broker, BrokerUnavailable, Publisher
from db.errors import DatabaseUnavailable
from db.tables import commission
from domain.change import fields_of
from domain.changes import find_change
from domain.changes.approve import CommissionApproved
from domain.commands import ApproveCommission, CalculateCommission, Command
from domain.errors import ExpectedError, Refusal
from scenarios.api_client import ApiClient
from settings import Settings

SEND_TIMEOUT_S = 2.0
CHUNK = 500


class NotAcknowledged(ExpectedError):
    """The command was not acknowledged: it may be committed or not."""


class Refused(NotAcknowledged):
    """The command was refused: it left nothing."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An acknowledged command."""

    commission_id: str
    event_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Promise:
    """A command that the broker has stored: it must be processed sooner or later."""

    command: Literal["calculate", "approve"]
    id: str
    """Id of the conversion to calculate, or of the commission to approve."""


class Route(Protocol):
    name: str

    def send(self, command: CalculateCommission | ApproveCommission) -> Acknowledged | Promise:
        """Send a command. Raises NotAcknowledged, or JudgeFailed when the route itself cannot be used."""

    def close(self) -> None: ...


class InProcess:
    name = "in process"

    def __init__(self, application: Application) -> None:
        self._application = application

    def send(self, command: CalculateCommission | ApproveCommission) -> Acknowledged:
        try:
            result = self._application.send(command)
        except Refusal as error:
            raise Refused(str(error)) from error
        except (DatabaseUnavailable, DBAPIError) as error:
            # When a server dies in the middle of an answer, the driver raises any error, depending on the bytes it got.
            raise NotAcknowledged(str(error)) from error
        return Acknowledged(result.commission_id, result.event_ids)

    def close(self) -> None:
        """Do nothing: the application belongs to the caller."""


class OverHttp:
    name = "HTTP"

    def __init__(self, settings: Settings, correlation_id: str) -> None:
        self._api = ApiClient(settings, headers={"X-Correlation-Id": correlation_id})

    def send(self, command: CalculateCommission | ApproveCommission) -> Acknowledged:
        try:
            answer = self._api.post(path_of(command), request_body(command))
        except httpx.TransportError as error:
            raise NotAcknowledged(str(error)) from error
        if not answer.is_success:
            kind = Refused if answer.is_client_error else NotAcknowledged
            raise kind(f"HTTP {answer.status_code}: {answer.text[:200]}")
        document = answer.json()
        return Acknowledged(str(document["commissionId"]), tuple(document["eventIds"]))

    def close(self) -> None:
        self._api.close()


class ThroughTopic:
    name = "the commands topic"

    def __init__(self, settings: Settings, correlation_id: str) -> None:
        self._correlation_id = correlation_id
        self._publisher = Publisher(Broker(settings), settings.topics.commands, send_timeout_s=SEND_TIMEOUT_S)

    def send(self, command: CalculateCommission | ApproveCommission) -> Promise:
        try:
            self._publisher.send(json.dumps(build_message(command, self._correlation_id)).encode())
        except BrokerUnavailable as error:
            raise NotAcknowledged(str(error)) from error
        if isinstance(command, CalculateCommission):
            return Promise("calculate", command.conversion_id)
        return Promise("approve", command.commission_id)

    def close(self) -> None:
        self._publisher.close()


def build_message(command: Command, correlation_id: str) -> dict[str, str]:
    """Return the command as a message of the commands topic."""
    return {"command": find_change(command).name, **request_body(command), "correlationId": correlation_id}


def path_of(command: Command) -> str:
    """Return the path of the API to which the command is posted."""
    return f"/commissions/{find_change(command).name}"


def request_body(command: Command) -> dict[str, str]:
    """Return the command as the JSON object that the API and the commands topic expect."""
    return {field.name: str(getattr(command, field.attribute)) for field in fields_of(type(command)) if field.required}


def find_broken_promises(connection: Connection, promises: Sequence[Promise]) -> list[Promise]:
    """Return the promised commands that have not been processed."""
    conversion_ids = {promise.id for promise in promises if promise.command == "calculate"}
    commission_ids = {promise.id for promise in promises if promise.command == "approve"}
    calculated: set[str] = set()
    approved: set[str] = set()
    for chunk in _chunks(sorted(conversion_ids)):
        query = select(commission.c.conversion_id).where(commission.c.conversion_id.in_(chunk))
        calculated |= set(connection.scalars(query))
    for chunk in _chunks(sorted(commission_ids)):
        query = select(commission.c.id).where(
            commission.c.id.in_(chunk), commission.c.status == CommissionApproved.status
        )
        approved |= set(connection.scalars(query))
    fulfilled = {"calculate": calculated, "approve": approved}
    return [promise for promise in promises if promise.id not in fulfilled[promise.command]]


def _chunks(ids: Sequence[str]) -> list[list[str]]:
    return [list(ids[start : start + CHUNK]) for start in range(0, len(ids), CHUNK)]
