"""Provide `Application`, which sends commands to the domain and opens connections for reads."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine

from application import crash_points
from application.counting import count_outcome
from application.wake import WakeUpSender
from db import engine
from db.currencies import IsoCurrencies
from db.engine import Turns, connect
from db.errors import translated
from db.hops import HopRecorder, Timing
from db.unit_of_work import Reached, SqlUnitOfWork
from domain.clock import utc_now
from domain.commands import Command, CommissionResult
from domain.mediator import Mediator
from domain.ports import Dependencies
from settings import Settings
from telemetry import tracing


class Application:
    """Sends commands and opens connections for reads. Close it, so that the last timestamps are written."""

    def __init__(self, settings: Settings, pool_size: int = 5, reached: Reached | None = None) -> None:
        """`reached` is called at each point of a transaction, see `db.unit_of_work`; without it the points are crash points."""

        def command_reached(point: str) -> None:
            points.reached(f"command.{point}")

        self.settings = settings
        self.engine: Engine = connect(settings.database_url, pool_size)
        self._hops = HopRecorder(self.engine)
        self._wake = WakeUpSender(settings.wake_socket) if settings.facts.capture.is_woken else None
        currencies = IsoCurrencies()
        turns = Turns(self.engine)
        points = crash_points.of_this_process(settings)
        self._mediator = Mediator(
            lambda: SqlUnitOfWork(self.engine, currencies, new_id, self._committed, reached or command_reached, turns),
            Dependencies(utc_now, new_id, currencies, CampaignRates(settings.default_rate, settings.campaign_rates)),
        )

    def send(self, command: Command) -> CommissionResult:
        """Run a command in its own transaction and return its result.

        Raise domain.errors.Refusal, or db.errors.DatabaseUnavailable when the transaction was not acknowledged.
        """
        with (
            count_outcome(command),
            tracing.span("sql transaction", command.traceparent, {"db.operation": "commit"}) as trace,
        ):
            return self._mediator.send(command if trace == command.traceparent else replace(command, traceparent=trace))

    @contextmanager
    def reading(self, consistent: bool = False) -> Iterator[Connection]:
        """Open a connection for `db.queries`; with `consistent`, all statements see the same commits.

        Raise DatabaseUnavailable.
        """
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
            self._wake.send()
        self._hops.add([Timing(event_id, committed_us=committed_us) for event_id in event_ids])


class CampaignRates:
    """The commission rate of each campaign, or the default rate."""

    def __init__(self, default: Decimal, campaigns: dict[str, Decimal]) -> None:
        self._default = default
        self._campaigns = campaigns

    def of(self, campaign_id: str) -> Decimal:
        return self._campaigns.get(campaign_id, self._default)


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562), which begins with the milliseconds since the epoch.

    Ids that ascend with time end up side by side in every index over them. Random ones touch another page of each for every
    event, so that writing and pruning become slower as the tables grow.
    """
    time_and_random = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    return str(uuid.UUID(int=time_and_random & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62))
