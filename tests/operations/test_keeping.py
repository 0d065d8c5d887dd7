"""Pruning never takes what was not captured and notified of; a back-up brings everything back."""

from __future__ import annotations

import json
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from application import Application
from connectors.broker import Broker, Publisher
from db import queries
from domain.commands import ApproveCommission, CalculateCommission
from scenarios import end_to_end
from scenarios.reconciliation import Reconciliation, reconcile
from scenarios.waiting import until
from settings import Settings
from stacks import backup, faults, ownership, pruning
from stacks.supervisor import Supervisor


@pytest.fixture
def application(stack: Settings) -> Iterator[Application]:
    with Application(stack, pool_size=1) as made:
        yield made


@pytest.fixture(scope="module")
def embedded() -> Iterator[Settings]:
    """Of these tests' own: what was pruned and restored no replay brings back."""
    with end_to_end.running("embedded", private=True) as settings:
        yield settings


def write(application: Application, count: int, correlation: str) -> None:
    for _ in range(count):
        one = application.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "1.00", "USD", correlation))
        application.send(ApproveCommission(one.commission_id, correlation))


def settled(application: Application, settings: Settings, correlation: str | None = None) -> Reconciliation:
    def arrived() -> bool:
        # Other tests publish what was never committed: here it matters that nothing is on its way.
        found = reconcile(application, settings, correlation)
        return not (found.not_published or found.not_notified or found.not_audited)

    until(arrived, 60, "nothing is on its way", 0.2)
    return reconcile(application, settings, correlation)


def standing(application: Application, correlation: str) -> int:
    with application.reading() as connection:
        rows = queries.recent_outbox(connection, 100_000)
    return sum(1 for row in rows if row.correlation_id == correlation)


def test_pruned_rows_are_gone_and_still_counted(application: Application, stack: Settings) -> None:
    correlation = str(uuid.uuid4())
    write(application, 10, correlation)
    before = settled(application, stack, correlation)
    until(lambda: pruning.prune(stack, dry_run=True).pruned >= 20, 20, "the relay's checkpoint saved")
    until(lambda: pruning.prune(stack, dry_run=True).kept_not_captured == 0, 20, "everything is captured")
    would = pruning.prune(stack, dry_run=True)
    assert (would.dry_run, standing(application, correlation)) == (True, 20)
    found = pruning.prune(stack)
    assert found.pruned == would.pruned >= 20
    assert standing(application, correlation) == 0
    after = settled(application, stack, correlation)
    assert (after.committed, after.never_committed) == (before.committed, ())
    assert pruning.prune(stack).pruned == 0
    later = str(uuid.uuid4())
    write(application, 2, later)  # and the path goes on, with numbers never given before
    assert settled(application, stack, later).committed == 4


def test_the_newest_and_the_young_are_kept(application: Application, stack: Settings) -> None:
    correlation = str(uuid.uuid4())
    write(application, 5, correlation)
    settled(application, stack, correlation)
    assert pruning.prune(stack, keep_days=1).pruned == 0

    def four_left() -> bool:
        pruning.prune(stack, keep=4)
        return standing(application, correlation) <= 4

    until(four_left, 20, "the relay's checkpoint saved, and the rest pruned")
    assert standing(application, correlation) == 4


@pytest.mark.parametrize(("part", "why"), [("observer", "kept_not_captured"), ("notifications", "kept_not_notified")])
def test_what_did_not_go_the_whole_way_is_never_pruned(
    application: Application, stack: Settings, part: str, why: str
) -> None:
    correlation = str(uuid.uuid4())
    settled(application, stack)
    faults.kill(stack, part, hold_s=120)
    try:
        write(application, 5, correlation)

        def counted() -> bool:
            return bool(getattr(pruning.prune(stack, dry_run=True), why) >= 10)

        until(counted, 20, "the rest of the way is gone")
        found = pruning.prune(stack)
        assert getattr(found, why) == 10
        assert standing(application, correlation) == 10
    finally:
        faults.release(stack, part)
    assert settled(application, stack, correlation).notified == 10
    until(lambda: pruning.prune(stack).pruned + standing(application, correlation) == 0, 20, "pruned later")


def test_what_the_relay_may_send_again_is_kept(embedded: Settings) -> None:
    from db.engine import connect
    from db.outbox import OutboxFeed

    with Application(embedded, pool_size=1) as application:
        correlation = str(uuid.uuid4())
        write(application, 3, correlation)
        settled(application, embedded, correlation)
        faults.kill(embedded, "relay", hold_s=60)
        engine = connect(embedded.admin_url, pool_size=1)
        feed = OutboxFeed(engine)
        try:
            until(lambda: Supervisor(embedded).pid("relay") != 0, 20, "the relay waits at its gate")
            feed.save_checkpoint(feed.head() - 6)
            found = pruning.prune(embedded)
            assert (found.kept_not_captured, standing(application, correlation)) == (6, 6)
        finally:
            engine.dispose()
            faults.release(embedded, "relay")
        assert settled(application, embedded, correlation).notified == 6


def contents(path: Path, *tables: str) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in tables}
    for line in map(json.loads, path.read_text(encoding="utf-8").split("\n")[:-1]):  # other line ends may be in a text
        if line.get("table") in rows:
            rows[line["table"]].append(line["row"])
    return rows


def test_a_backup_brings_everything_back(application: Application, stack: Settings, tmp_path: Path) -> None:
    first, second, later = (str(uuid.uuid4()) for _ in range(3))
    write(application, 4, first)
    publisher = Publisher(Broker(stack), stack.topics.events)
    publisher.send(f"bytes \xff {first}".encode("latin-1"))
    publisher.close()
    settled(application, stack, first)
    until(lambda: pruning.prune(stack).pruned + standing(application, first) == 0, 20, "pruned")
    write(application, 4, second)
    settled(application, stack)
    file, again = tmp_path / "first.jsonl", tmp_path / "again.jsonl"
    counts = backup.backup(stack, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert counts["outbox_event"] >= 8
    assert counts["pruned_event"] >= 8
    assert counts["dead_letter"] >= 1
    write(application, 4, later)
    backup.restore(stack, file, lambda _: None)
    found = settled(application, stack)
    assert found.committed == counts["outbox_event"] + counts["pruned_event"]
    assert reconcile(application, stack, later).committed == 0
    backup.backup(stack, again)
    same = ("commission", "outbox_event", "pruned_event", "notification", "dead_letter")
    assert contents(again, *same) == contents(file, *same)
    write(application, 2, later)
    assert settled(application, stack, later).committed == 4


def test_what_was_on_its_way_at_the_backup_arrives_after_the_restore(embedded: Settings, tmp_path: Path) -> None:
    with Application(embedded, pool_size=1) as application:
        settled(application, embedded)
        correlation = str(uuid.uuid4())
        faults.kill(embedded, "notifications", hold_s=120)
        try:
            write(application, 5, correlation)

            def captured() -> bool:
                return reconcile(application, embedded, correlation).published == 10

            until(captured, 20, "published and not notified")
            backup.backup(embedded, tmp_path / "b.jsonl")
        finally:
            faults.release(embedded, "notifications")
        settled(application, embedded)
        backup.restore(embedded, tmp_path / "b.jsonl", lambda _: None)
        found = settled(application, embedded, correlation)
        assert (found.committed, found.published, found.notified) == (10, 10, 10)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "ends too early"),
        ("{}\n", "no back-up of this program"),
        ('{"alpes": 1, "schema": "9999"}\n{"end": 0}\n', "does not know"),
        ('{"alpes": 1, "schema": "0001"}\n', "ends too early"),
        (
            '{"alpes": 1, "schema": "0001"}\n{"table": "commission", "row": {"id": "x"}}\n{"end": 1}\n',
            "line 2: .* is missing",
        ),
        ('{"alpes": 1, "schema": "0001"}\n{"table": "nothing", "row": {}}\n{"end": 1}\n', "line 2: no row of a table"),
        ('{"alpes": 1, "schema": "0001"}\n{"tab', "line 2: not JSON"),
    ],
)
def test_a_damaged_file_changes_nothing(tmp_path: Path, text: str, why: str) -> None:
    settings = Settings(home=tmp_path / "home")
    ownership.claim(ownership.INSTANCE, settings.home)
    settings.data.mkdir(parents=True)
    path = tmp_path / "damaged.jsonl"
    path.write_text(text)
    with pytest.raises(backup.BackupUnfit, match=why):
        backup.restore(settings, path, print)
