"""Sources are compared window by window with the same result, and kept nowhere."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from application import Application
from db import notification_queries
from db.engine import READ
from db.tables import notification
from scenarios import reconciliation
from scenarios.streams import NotAscending, SortedById, start_reading, windows
from stacks import pruning
from tests.unit.test_pruning import Instance
from workers import audit_file

IDS = st.sets(st.text(max_size=4))


@given(st.lists(IDS, min_size=1, max_size=5), st.integers(1, 6))
def test_windows_hold_every_id_once_and_together(ids: list[set[str]], size: int) -> None:
    sources = [start_reading((each, number) for each in sorted(some)) for number, some in enumerate(ids)]
    seen: list[dict[str, int]] = [{} for _ in ids]
    for window in windows(sources, size):
        for number, page in enumerate(window):
            assert not page.keys() & seen[number].keys()
            # Whoever knows an id tells of it in this window.
            for others, known in zip(window, ids, strict=True):
                assert page.keys() & known <= others.keys()
            seen[number] |= page
    assert [page.keys() for page in seen] == ids


@pytest.mark.parametrize("ids", [["b", "a"], ["a", "a"], ["a", b"b"]])
def test_a_source_in_another_order_is_refused(ids: list[str]) -> None:
    with pytest.raises(NotAscending):
        list(windows([iter([(each, 0) for each in ids])], 1))


def test_what_is_put_in_in_any_order_comes_back_sorted_with_its_last_value() -> None:
    strange = ["\ud800", "\0", "ñ", "\U0001f600", "\uffff", ""]
    ids = strange + [str(number) for number in range(100)]
    random.Random(1).shuffle(ids)
    with closing(SortedById()) as entries:
        entries.put((each, "old") for each in ids[:10])
        entries.put((each, "new") for each in ids)
        found = list(entries.latest())
        assert found == [(each, "new") for each in sorted(ids)]
        assert entries.duplicate_ids() == set(ids[:10])


def test_memory_does_not_grow_with_the_sources() -> None:
    def peak(rows: int) -> int:
        def source() -> Iterator[tuple[str, str]]:
            return ((f"{number:08}", "x" * 32) for number in range(rows))

        tracemalloc.start()
        try:
            assert sum(len(page) for page, _ in windows([source(), source()], 100)) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(20_000) < 1.5 * peak(2_000)


def test_a_reconciliation_in_windows_finds_the_same(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    chance = random.Random(7)
    for seq in range(1, 41):
        instance.event(seq, published=chance.random() < 0.8, notified=chance.random() < 0.8)
    with instance.engine.begin() as connection:
        connection.execute(text("INSERT INTO relay_checkpoint VALUES ('relay', 10, '2026-01-01 00:00:00.000000')"))
    assert pruning.prune(instance.settings).pruned > 3
    with instance.engine.begin() as connection:
        connection.execute(text("DELETE FROM pruned_event WHERE seq = (SELECT min(seq) FROM pruned_event)"))
    with instance.engine.connect().execution_options(**READ) as connection:
        lines = [audit_file.line(row) for row in notification_queries.notifications_after(connection, 0)]
    with instance.engine.begin() as connection:
        connection.execute(notification.update().where(notification.c.seq.in_([2, 9])).values(type="other"))
    foreign = lines[3].replace(b'"eventId":"', b'"eventId":"\\ud800')
    instance.settings.audit_file.write_bytes(b"".join([*lines[1:], lines[5], b"garbage\n", foreign]))
    with Application(instance.settings, pool_size=1) as application:
        for correlation_id in (None, "run-1", "other"):
            found, *others = (
                asdict(reconciliation._compare(application, instance.settings, correlation_id, size))
                for size in (None, 1, 3, 1000)
            )
            assert all(each == found for each in others)
            if correlation_id is None:
                for name in (*reconciliation.DIFFER, "foreign_lines", "contents_unknown"):
                    assert found[name] or name in ("out_of_order", "contents_unknown")
    instance.close()
