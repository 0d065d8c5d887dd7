"""A new snapshot from one row on: which rows it selects, what it refuses, and that its configuration is never left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import delete, text

from connectors import server_properties, source
from connectors.admin import AdminUnavailable
from connectors.snapshot_rows import OVERRIDES, build_statement
from db.gaps import find_gaps
from db.outbox import OutboxFeed
from db.tables import outbox_event
from domain.commands import CalculateCommission
from domain.message import Message
from domain.outbox import OutboxRecord
from settings import Settings
from stacks import operation, recovery, selected_snapshot
from stacks.debezium_server import DebeziumServer
from stacks.native import debezium_server as program
from stacks.native import server_position
from stacks.operation import Journal
from stacks.selected_snapshot import RowsRefused, SnapshotUnfinished, choose_rows, take
from stacks.source_control import Finding
from tests.builders import delivery
from tests.instances import Instance

COMMITTED = 6
READS = Finding(True, "", "", Message("health.source_reads"), None, None)
STATEMENT = "SELECT * FROM `alpes`.`outbox_event` WHERE seq >= 4 OR seq BETWEEN 2 AND 2 ORDER BY seq"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """Six committed events, all of them published and notified; the second row was rolled back."""
    instance = Instance(tmp_path)
    for number in range(COMMITTED):
        instance.send("run", CalculateCommission(f"conv-{number}", "aff-1", "cmp-1", "1.00", "USD", "run"))
    instance.pass_on()
    with instance.engine.begin() as connection:
        connection.execute(delete(outbox_event).where(outbox_event.c.seq == 2))
    instance.settings.run.mkdir(exist_ok=True)
    yield instance
    instance.close()


def gaps(instance: Instance, below: int, limit: int = 100) -> list[tuple[int, int]]:
    with instance.engine.connect() as connection:
        return find_gaps(connection, below, limit)


def test_numbers_without_a_row_are_gaps_and_pruned_ones_are_none(instance: Instance) -> None:
    assert gaps(instance, 2) == []
    assert gaps(instance, 4) == [(2, 2)]
    assert gaps(instance, 9) == [(2, 2), (7, 8)]
    assert gaps(instance, 9, limit=1) == [(2, 2)]
    with instance.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO pruned_event SELECT id, 2, correlation_id, occurred_at, occurred_at FROM outbox_event LIMIT 1"
            )
        )
    assert gaps(instance, 9) == [(7, 8)]


def test_the_statement_selects_the_rows_and_what_appears_in_a_gap(instance: Instance) -> None:
    statement = choose_rows(instance.settings, 4)
    table = f"`{instance.settings.database_name}`.`outbox_event`"
    assert table in statement
    with instance.engine.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE later AS SELECT seq FROM outbox_event UNION SELECT 2"))
        selected = [row.seq for row in connection.execute(text(statement.replace(table, "later")))]
    assert selected == [2, 4, 5, 6]


@pytest.mark.parametrize(("first_seq", "code"), [(-1, "snapshot.no_such_row"), (7, "snapshot.no_such_row")])
def test_a_row_that_is_not_there_is_refused(instance: Instance, first_seq: int, code: str) -> None:
    with pytest.raises(RowsRefused, match="from 0 to 6") as refused:
        choose_rows(instance.settings, first_seq)
    assert refused.value.args[0].code == code
    assert "seq >= 6" in choose_rows(instance.settings, 6)


def test_rows_that_were_never_published_are_not_left_out(instance: Instance) -> None:
    instance.send("run", CalculateCommission("conv-new", "aff-1", "cmp-1", "1.00", "USD", "run"))
    assert "seq >= 7" in choose_rows(instance.settings, 7)
    instance.send("run", CalculateCommission("conv-newer", "aff-1", "cmp-1", "1.00", "USD", "run"))
    with pytest.raises(RowsRefused, match="1 rows below 8 were not published yet"):
        choose_rows(instance.settings, 8)


def test_too_many_gaps_are_refused(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selected_snapshot, "MOST_GAPS", 0)
    with pytest.raises(RowsRefused, match="more than 0 numbers below 4"):
        choose_rows(instance.settings, 4)


def test_both_configurations_have_the_statement_only_while_it_is_wanted(tmp_path: Path) -> None:
    settings = Settings(stack="native", home=tmp_path)
    statement = build_statement(settings, 4, [(2, 2)])
    assert statement == STATEMENT
    override = {OVERRIDES: "alpes.outbox_event", f"{OVERRIDES}.alpes.outbox_event": STATEMENT}
    assert source.render(settings, statement)["configs"].items() >= override.items()
    lines = server_properties.render(settings, statement).splitlines()
    assert {f"debezium.source.{name}={value}" for name, value in override.items()} <= set(lines)
    assert OVERRIDES not in server_properties.render(settings)
    assert not [name for name in source.render(settings)["configs"] if name.startswith(OVERRIDES)]


class RecordingCapture:
    """A capture that notes what is asked of it, and does what a test lets it do."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.finding = READS
        self.steps: list[str] = []
        self.looks_until_stored = 2
        self.is_reachable = True
        self.journal: Journal | None = None

    def examine(self) -> Finding:
        return self.finding

    def begin_snapshot(self, held: operation.Holding, statement: str) -> None:
        self.steps.append(statement)
        self.journal = operation.read(self.settings)

    def has_snapshot(self) -> bool:
        self.looks_until_stored -= 1
        if self.looks_until_stored == 1:
            raise AdminUnavailable("it is restarted")
        return self.looks_until_stored <= 0

    def restore_configuration(self) -> None:
        self.steps.append("restored")
        if not self.is_reachable:
            raise AdminUnavailable("nothing answers")


@pytest.fixture
def capture(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> RecordingCapture:
    monkeypatch.setattr(selected_snapshot, "LOOK_EVERY_S", 0)
    return RecordingCapture(instance.settings)


def test_the_ordinary_configuration_comes_back_when_the_snapshot_is_stored(capture: RecordingCapture) -> None:
    take(capture, 5, lambda _: None)
    assert [step.partition(" ")[0] for step in capture.steps] == ["SELECT", "restored"]
    assert capture.journal is not None
    assert (capture.journal.phase, capture.journal.notes) == ("decided", {operation.SELECTS_ROWS: True})
    assert operation.read(capture.settings) is None


def test_it_comes_back_when_the_snapshot_does_not_end(
    capture: RecordingCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selected_snapshot, "STANDSTILL_S", 0)
    capture.looks_until_stored = 10**9
    with pytest.raises(SnapshotUnfinished):
        take(capture, 5, lambda _: None)
    assert capture.steps[-1] == "restored"
    assert operation.read(capture.settings) is None


def test_when_it_cannot_come_back_now_the_journal_stays_for_the_recovery(
    capture: RecordingCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture.is_reachable = False
    with pytest.raises(AdminUnavailable):
        take(capture, 5, lambda _: None)
    assert operation.find_abandoned(capture.settings) is not None
    monkeypatch.setattr(recovery, "capture_of", lambda _: capture)
    with pytest.raises(AdminUnavailable):
        recovery.recover(capture.settings, lambda _: None)
    assert operation.read(capture.settings) is not None
    capture.is_reachable = True
    assert recovery.recover(capture.settings, lambda _: None)
    assert capture.steps[1:] == ["restored"] * 3
    assert operation.read(capture.settings) is None


def test_a_capture_that_does_not_read_is_refused_and_left_as_it_is(capture: RecordingCapture) -> None:
    capture.finding = Finding(False, "stopped", "", Message("cause.stopped"), None, None)
    with pytest.raises(RowsRefused, match="it is stopped or deleted"):
        take(capture, 5, lambda _: None)
    assert capture.steps == []
    assert operation.read(capture.settings) is None


OFFSET = b'\xac\xed{"server":"alpes"}x{"ts_sec":1,"file":"mysql-bin.000001","pos":4'


def test_debezium_server_says_in_its_position_whether_the_snapshot_is_complete(tmp_path: Path) -> None:
    settings = Settings(stack="native", capture="debezium-server", home=tmp_path)
    file = server_properties.offsets_file(settings)
    assert not server_position.has_snapshot(settings)
    file.parent.mkdir(parents=True)
    for stored, is_complete in ((b"", False), (OFFSET + b',"snapshot":"INITIAL"}', False), (OFFSET + b"}", True)):
        file.write_bytes(stored)
        assert server_position.has_snapshot(settings) is is_complete


def test_debezium_server_begins_with_the_statement_and_goes_on_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(stack="native", capture="debezium-server", home=tmp_path)
    settings.run.mkdir()
    files = [server_properties.offsets_file(settings), server_properties.history_file(settings)]
    files[0].parent.mkdir(parents=True)
    for file in files:
        file.touch()
    steps: list[str] = []
    control = SimpleNamespace(restart_part=lambda part: steps.append(f"restart {part}"))
    monkeypatch.setattr("stacks.debezium_server.control", lambda _: control)
    held = SimpleNamespace(
        hold=lambda part: steps.append(f"hold {part}"), release=lambda part: steps.append(f"release {part}")
    )
    DebeziumServer(settings).begin_snapshot(cast(Any, held), STATEMENT)
    assert STATEMENT in (settings.run / "debezium-server.properties").read_text()
    assert [file for file in files if file.exists()] == []
    recovery.undo(settings, Journal(selected_snapshot.OPERATION, 1, "decided", notes={operation.SELECTS_ROWS: True}))
    assert (settings.run / "debezium-server.properties").read_text() == server_properties.render(settings)
    assert steps == ["hold debezium", "release debezium", "restart debezium"]
    assert program.write_properties(settings).parent == settings.run


def test_a_released_component_starts_while_the_operation_goes_on(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[str] = []
    parts = SimpleNamespace(states=list, hold_part=lambda _: None, release_part=released.append)
    monkeypatch.setattr(operation, "control", lambda _: parts)
    with operation.holding(instance.settings, "a test") as held:
        held.hold("debezium", "api")
        held.release("debezium")
        journal = operation.read(instance.settings)
        assert journal is not None
        assert (journal.parts, released) == (("api",), ["debezium"])


def test_a_row_that_was_published_and_not_notified_yet_was_published(instance: Instance) -> None:
    for name in ("conv-new", "conv-last"):
        instance.send("run", CalculateCommission(name, "aff-1", "cmp-1", "1.00", "USD", "run"))
    published = [row for row in _read_rows(instance) if row.seq == 7]
    instance.observe([delivery(row, row.seq, instance.settings.topics.events) for row in published])
    assert "seq >= 8" in choose_rows(instance.settings, 8)


def _read_rows(instance: Instance) -> list[OutboxRecord]:
    feed = OutboxFeed(instance.engine)
    rows = [row for row in feed.after(0, 100) if isinstance(row, OutboxRecord)]
    feed.close()
    return rows
