"""The ways by which a load's commands reach the system: in the load's own process, over HTTP, through the commands topic."""

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
from domain.commands import ApproveCommission, CalculateCommission
from domain.errors import Refusal
from scenarios.api_client import ApiClient
from settings import Settings

SEND_TIMEOUT_S = 2.0
CHUNK = 500


class NotAcknowledged(Exception):
    """Nobody said that the command is done: it may be committed or not."""


@dataclass(frozen=True, slots=True)
class Done:
    """An acknowledged command."""

    commission_id: str
    event_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Promise:
    """A command that the broker keeps: it must be carried out, sooner or later."""

    command: Literal["calculate", "approve"]
    id: str
    """Of the conversion, or of the commission that is to be approved."""


class Route(Protocol):
    name: str

    def send(self, command: CalculateCommission | ApproveCommission) -> Done | Promise:
        """Raises NotAcknowledged, or JudgeFailed."""

    def close(self) -> None: ...


class InProcess:
    name = "in process"

    def __init__(self, application: Application) -> None:
        self._application = application

    def send(self, command: CalculateCommission | ApproveCommission) -> Done:
        try:
            result = self._application.send(command)
        except (DatabaseUnavailable, Refusal, DBAPIError) as error:
            # A server that dies in the middle of an answer makes the driver raise whatever that answer looked like.
            raise NotAcknowledged(str(error)) from error
        return Done(result.commission_id, result.event_ids)

    def close(self) -> None:
        """The application is its owner's."""


class OverHttp:
    name = "HTTP"

    def __init__(self, settings: Settings, correlation_id: str) -> None:
        self._api = ApiClient(settings, headers={"X-Correlation-Id": correlation_id})

    def send(self, command: CalculateCommission | ApproveCommission) -> Done:
        path = "/commissions/calculate" if isinstance(command, CalculateCommission) else "/commissions/approve"
        try:
            answer = self._api.post(path, body_of(command))
        except httpx.TransportError as error:
            raise NotAcknowledged(str(error)) from error
        if not answer.is_success:
            raise NotAcknowledged(f"HTTP {answer.status_code}: {answer.text[:200]}")
        told = answer.json()
        return Done(str(told["commissionId"]), tuple(told["eventIds"]))

    def close(self) -> None:
        self._api.close()


class ThroughTopic:
    name = "the commands topic"

    def __init__(self, settings: Settings, correlation_id: str) -> None:
        self._correlation_id = correlation_id
        self._publisher = Publisher(Broker(settings), settings.topics.commands, send_timeout_s=SEND_TIMEOUT_S)

    def send(self, command: CalculateCommission | ApproveCommission) -> Promise:
        calculates = isinstance(command, CalculateCommission)
        message = {
            "command": "calculate" if calculates else "approve",
            **body_of(command),
            "correlationId": self._correlation_id,
        }
        try:
            self._publisher.send(json.dumps(message).encode())
        except BrokerUnavailable as error:
            raise NotAcknowledged(str(error)) from error
        if isinstance(command, CalculateCommission):
            return Promise("calculate", command.conversion_id)
        return Promise("approve", command.commission_id)

    def close(self) -> None:
        self._publisher.close()


def body_of(command: CalculateCommission | ApproveCommission) -> dict[str, str]:
    """As API and commands topic take it."""
    if isinstance(command, ApproveCommission):
        return {"commissionId": command.commission_id}
    return {
        "conversionId": command.conversion_id,
        "affiliateId": command.affiliate_id,
        "campaignId": command.campaign_id,
        "grossAmount": str(command.gross_amount),
        "currency": command.currency,
    }


def unkept(connection: Connection, promises: Sequence[Promise]) -> list[Promise]:
    """Those that were not carried out."""
    wanted = {each.id for each in promises if each.command == "calculate"}
    approvals = {each.id for each in promises if each.command == "approve"}
    calculated: set[str] = set()
    approved: set[str] = set()
    for some in _chunks(sorted(wanted)):
        query = select(commission.c.conversion_id).where(commission.c.conversion_id.in_(some))
        calculated |= set(connection.scalars(query))
    for some in _chunks(sorted(approvals)):
        query = select(commission.c.id).where(commission.c.id.in_(some), commission.c.status == "APPROVED")
        approved |= set(connection.scalars(query))
    kept = {"calculate": calculated, "approve": approved}
    return [each for each in promises if each.id not in kept[each.command]]


def _chunks(ids: Sequence[str]) -> list[list[str]]:
    return [list(ids[start : start + CHUNK]) for start in range(0, len(ids), CHUNK)]
