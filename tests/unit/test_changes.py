"""Test the registry of changes: a third command with its event is seen by everything that depends on the set of them."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest

from application.counting import count_outcome
from connectors import envelope
from dashboard.components import event_classes, scatter
from dashboard.view_models.latencies import Point
from domain.change import Change, CommissionResult
from domain.changes import changes, event_types
from domain.commands import CalculateCommission
from domain.errors import UnknownCommission
from domain.mediator import Mediator
from domain.ports import Dependencies, UnitOfWork
from scenarios.routes import request_body
from settings.model import REPOSITORY
from telemetry.metrics import METRICS
from tests.builders import delivery, record
from tests.fakes import MemoryUnitOfWork, Store, dependencies
from tests.schemas import CONTRACTS, find_schema_gaps, payload_schema_name, read_schema
from workers import reading
from workers.command_message import Malformed, parse
from workers.inbox import Effect
from workers.outcome import DeadLetter


@dataclass(frozen=True, slots=True)
class RejectCommission:
    commission_id: str
    reason: str
    correlation_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class CommissionRejected:
    type: ClassVar[str] = "CommissionRejected"
    version: ClassVar[int] = 2
    status: ClassVar[str] = "REJECTED"

    commission_id: str
    aggregate_version: int
    occurred_at: datetime
    reason: str

    def payload(self) -> dict[str, Any]:
        return {"commissionId": self.commission_id, "reason": self.reason}


def reject_commission(command: RejectCommission, uow: UnitOfWork, deps: Dependencies) -> CommissionResult:
    with uow:
        commission = uow.commissions.get(command.commission_id)
        if commission is None:
            raise UnknownCommission(command.commission_id)
        commission.apply(CommissionRejected(commission.id, commission.version + 1, deps.clock(), command.reason))
        uow.commissions.save(commission)
        return CommissionResult.of(commission, uow.commit("run-1", None))


REJECT = Change("reject", RejectCommission, CommissionRejected, reject_commission)
MESSAGE = {"command": "reject", "commissionId": "c-1", "reason": "fraud"}


@pytest.fixture
def with_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(changes(), "reject", REJECT)


def of_type(event_type: str, version: int) -> bytes:
    return envelope.encode(replace(record(), type=event_type, version=version), 1)[1]


def test_each_file_of_the_package_is_one_change() -> None:
    files = {path.stem for path in (REPOSITORY / "domain" / "changes").glob("*.py")} - {"__init__"}
    assert list(changes()) == ["calculate", "approve"]
    assert files == set(changes())


def test_the_mediator_runs_a_new_command_and_its_event_sets_the_status(with_reject: None) -> None:
    store = Store()
    mediator = Mediator(lambda: MemoryUnitOfWork(store), dependencies())
    first = mediator.send(CalculateCommission("conv-1", "aff-1", "cmp-1", "1.00", "USD"))
    rejected = mediator.send(RejectCommission(first.commission_id, "fraud"))
    assert (rejected.status, rejected.version, rejected.changed) == ("REJECTED", 2, True)
    assert [event.type for event in store.outbox] == ["CommissionCalculated", "CommissionRejected"]


def test_a_command_is_unknown_to_the_mediator_until_it_is_registered() -> None:
    with pytest.raises(LookupError, match="RejectCommission"):
        Mediator(lambda: MemoryUnitOfWork(Store()), dependencies()).send(RejectCommission("c-1", "fraud"))


def test_the_commands_worker_parses_a_new_command_strictly(with_reject: None) -> None:
    assert parse(json.dumps(MESSAGE).encode()) == RejectCommission("c-1", "fraud")
    for wrong in ({**MESSAGE, "reason": 7}, {**MESSAGE, "extra": "x"}, {"command": "reject", "commissionId": "c-1"}):
        with pytest.raises(Malformed):
            parse(json.dumps(wrong).encode())


def test_the_refusal_of_an_unknown_command_names_the_registered_ones(with_reject: None) -> None:
    with pytest.raises(Malformed, match='"calculate" or "approve" or "reject"'):
        parse(b'{"command": "pay"}')


def test_a_command_that_is_sent_has_the_fields_that_the_worker_parses(with_reject: None) -> None:
    assert {"command": "reject", **request_body(RejectCommission("c-1", "fraud"))} == MESSAGE


def test_the_metrics_count_a_new_command_under_its_name(with_reject: None, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[str, tuple[str, ...]]] = []
    monkeypatch.setattr(METRICS, "count", lambda name, labels: counted.append((name, labels)))
    with count_outcome(RejectCommission("c-1", "fraud")):
        pass
    assert counted == [("commands", ("reject", "done"))]


def test_the_notifications_worker_knows_a_new_event_and_its_version(with_reject: None) -> None:
    assert isinstance(reading.interpret(delivery(of_type("CommissionRejected", 2))), Effect)
    older = reading.interpret(delivery(of_type("CommissionRejected", 1)))
    assert isinstance(older, DeadLetter)
    assert older.reason == "unknown_version"


def test_an_event_is_unknown_to_the_worker_until_it_is_registered() -> None:
    unknown = reading.interpret(delivery(of_type("CommissionRejected", 2)))
    assert isinstance(unknown, DeadLetter)
    assert unknown.reason == "unknown_event"


def test_the_page_gives_each_event_type_its_own_colour(with_reject: None) -> None:
    points = [Point(number, kind, f"e-{number}", "c-1", 1.0) for number, kind in enumerate([*event_types(), "Other"])]
    drawn = scatter.chart(points, [], None, 1.0)
    classes = re.findall(r'class="dots ([^"]+)"', drawn)
    assert sorted(classes) == ["event-1", "event-2", "event-3", "event-unknown"]
    assert all(f'class="key {name}"' in drawn for name in classes)


def test_the_style_sheet_has_a_colour_for_each_class() -> None:
    css = (REPOSITORY / "dashboard" / "assets" / "live.css").read_text(encoding="utf-8")
    colours = re.findall(r"\.(event-\w+) \{ --dot: ([^;]+);", css)
    assert [name for name, _ in colours] == [
        *(f"event-{number}" for number in range(1, event_classes.COLOURS + 1)),
        "event-unknown",
    ]
    assert len({colour for _, colour in colours}) == len(colours)


def test_the_schemas_describe_exactly_the_registered_commands_and_events() -> None:
    assert find_schema_gaps() == []


def test_the_test_of_the_schemas_asks_for_those_of_a_new_command_and_event(with_reject: None, tmp_path: Path) -> None:
    assert find_schema_gaps() == ["payload commission-rejected.v2", "command reject"]
    shutil.copytree(CONTRACTS, tmp_path, dirs_exist_ok=True)
    commands = read_schema("commands")
    text = {"type": "string"}
    fields = dict.fromkeys(("commissionId", "reason", "correlationId", "traceparent"), text)
    form = {"properties": {"command": {"const": "reject"}, **fields}, "required": list(MESSAGE)}
    commands["oneOf"].append(form)
    (tmp_path / "commands.schema.json").write_text(json.dumps(commands))
    (tmp_path / f"{payload_schema_name(CommissionRejected)}.schema.json").write_text("{}")
    assert find_schema_gaps(tmp_path) == []
    jsonschema.validate(MESSAGE, commands)
