"""The ways to publish that are compared, on real servers: pollers share rows, and a measurement counts what was lost."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from bench.floor import empty_database
from bench.peers import polling
from bench.peers.polling import Poller
from bench.peers.writing import Load
from db.tables import commission, outbox_event
from domain.outbox import OutboxRecord
from settings.model import REPOSITORY
from settings.stack_facts import DatabaseKind
from tests.conftest import require_native

pytestmark = pytest.mark.native
EVENTS, WRITERS = 40, 2
DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def engine(missing: Callable[[str, str], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    require_native(missing)
    with empty_database(DatabaseKind.MYSQL, tmp_path_factory.mktemp("mysql")) as engine:
        yield engine


def _count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(outbox_event)) or 0


def test_two_pollers_share_the_rows_and_do_not_wait_for_each_other(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "BATCH", EVENTS // 2)
    committed = Load(engine, WRITERS, None).write(EVENTS)
    published: dict[str, list[str]] = {"first": [], "second": []}
    second_is_ready = threading.Event()

    def publish_first(records: Sequence[OutboxRecord]) -> None:
        published["first"] += [record.id for record in records]
        assert second_is_ready.wait(DEADLINE_S), "the second poller waits for the rows of the first"

    def publish_second(records: Sequence[OutboxRecord]) -> None:
        published["second"] += [record.id for record in records]

    first = threading.Thread(target=Poller(engine, publish_first).poll, daemon=True)
    first.start()
    second = Poller(engine, publish_second)
    try:
        while len(published["second"]) < EVENTS // 2:
            second.poll()
    finally:
        second_is_ready.set()
        first.join(DEADLINE_S)
    assert [len(ids) for ids in published.values()] == [EVENTS // 2, EVENTS // 2]
    assert {*published["first"], *published["second"]} == {event.event_id for event in committed}
    assert _count(engine) == 0


def test_the_load_calculates_and_approves_every_commission(engine: Engine) -> None:
    committed = Load(engine, WRITERS, None).write(EVENTS)
    assert len({event.event_id for event in committed}) == EVENTS
    calculated, approved = ({event.aggregate_id for event in committed if event.version == n} for n in (1, 2))
    assert approved <= calculated
    assert len(calculated) - len(approved) <= WRITERS
    assert all(event.began_us < event.committed_us for event in committed)
    with engine.connect() as connection:
        rows = connection.execute(select(commission.c.id, commission.c.status).where(commission.c.id.in_(calculated)))
        states = {str(row.id): row.status for row in rows}
    assert states == {key: "APPROVED" if key in approved else "CALCULATED" for key in calculated}


def test_a_load_without_an_outbox_publishes_after_its_commit(engine: Engine) -> None:
    Poller(engine, lambda _: None).poll()
    rows_before = _count(engine)
    published: list[OutboxRecord] = []
    committed = Load(engine, 1, [published.append]).write(10)
    assert [record.id for record in published] == [event.event_id for event in committed]
    assert _count(engine) == rows_before


@pytest.mark.breadth
@pytest.mark.timeout(580)
@pytest.mark.usefixtures("engine")
def test_a_dual_write_loses_events_under_a_kill_and_polling_does_not(tmp_path: Path) -> None:
    command: list[str | Path] = [
        REPOSITORY / "alpes",
        "bench",
        "peers",
        "--only",
        "polling",
        "--only",
        "dual-write",
        "--n",
        "20",
    ]
    document = tmp_path / "performance.md"
    run = subprocess.run(
        [*command, "--commands", "100", "--json", "--out", document], capture_output=True, text=True, timeout=560
    )
    assert run.returncode == 0, run.stderr
    polled, dual = json.loads(run.stdout)
    for figures in (polled, dual):
        assert figures["storm"]["outcome"]["received"] == figures["storm"]["outcome"]["committed"] == 100
        assert 0 < figures["commit_p50_ms"] < figures["p50_ms"] <= figures["p99_ms"]
    assert (polled["kill"]["outcome"]["lost"], polled["storm"]["load"]["rows_deleted"]) == (0, 1.0)
    assert dual["kill"]["outcome"]["lost"] > 0
    assert dual["kill"]["complete_s"] is None
    assert "## Ways to publish" in document.read_text(encoding="utf-8")
