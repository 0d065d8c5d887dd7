"""Commands in, rows out: the domain wired to its database."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine

from application import crash_points
from application.counting import counted
from application.wake import Wake
from db import engine
from db.currencies import IsoCurrencies
from db.engine import connect
from db.errors import translated
from db.hops import HopRecorder, HopTime
from db.unit_of_work import Reached, SqlUnitOfWork
from domain.commands import Command, CommissionResult
from domain.handlers import Dependencies
from domain.mediator import Mediator
from settings import Settings
from telemetry import tracing


class Application:
    """Commands through `send`, reads through `reading`; close it, so that the last hop times are written."""

    def __init__(self, settings: Settings, pool_size: int = 5, reached: Reached | None = None) -> None:
        """`reached` is told of each point of a transaction, see `db.unit_of_work`; without it they are crash points."""

        def command_reached(point: str) -> None:
            points.reached(f"command.{point}")

        self.settings = settings
        self.engine: Engine = connect(settings.database_url, pool_size)
        self._hops = HopRecorder(self.engine)
        self._wake = Wake(settings.wake_socket) if settings.stack == "embedded" else None
        currencies = IsoCurrencies()
        points = crash_points.of_this_process(settings)
        self._mediator = Mediator(
            lambda: SqlUnitOfWork(self.engine, currencies, new_id, self._committed, reached or command_reached),
            Dependencies(utc_now, new_id, currencies, CampaignRates(settings.default_rate, settings.campaign_rates)),
        )

    def send(self, command: Command) -> CommissionResult:
        """Run a command in a transaction of its own.

        Raises domain.errors.Refusal, or db.errors.DatabaseUnavailable when it was not acknowledged.
        """
        with (
            counted(command),
            tracing.span("sql transaction", command.traceparent, {"db.operation": "commit"}) as trace,
        ):
            return self._mediator.send(command if trace == command.traceparent else replace(command, traceparent=trace))

    @contextmanager
    def reading(self, consistent: bool = False) -> Iterator[Connection]:
        """A connection for `db.queries`; all of its statements see `consistent_read`, where asked. Raises DatabaseUnavailable."""
        options = engine.consistent_read(self.engine) if consistent else engine.READ
        with translated(), self.engine.connect().execution_options(**options) as connection:
            yield connection

    def close(self) -> None:
        self._hops.close()
        self.engine.dispose()
        if self._wake is not None:
            self._wake.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _committed(self, event_ids: tuple[str, ...], committed_us: int) -> None:
        if self._wake is not None:
            self._wake.ring()
        for event_id in event_ids:
            self._hops.add(HopTime(event_id, "committed", committed_us, "host"))


def open_application(settings: Settings, pool_size: int = 5) -> Application:
    return Application(settings, pool_size)


class CampaignRates:
    """The commission rate of each campaign, with a default."""

    def __init__(self, default: Decimal, campaigns: dict[str, Decimal]) -> None:
        self._default = default
        self._campaigns = campaigns

    def of(self, campaign_id: str) -> Decimal:
        return self._campaigns.get(campaign_id, self._default)


def utc_now() -> datetime:
    return datetime.fromtimestamp(time.time_ns() / 1e9, UTC).replace(tzinfo=None)


def new_id() -> str:
    return str(uuid.uuid4())
