"""Events are paired in the order of their writing with the same result as in the order of their ids."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update

from application import Application
from bench.filling import fill
from db import raw_contents
from db.engine import READ
from db.tables import metadata, notification, outbox_event, pruned_event
from scenarios import audit_lines, pairing, reconciliation
from scenarios.unpaired import compare_unpaired
from settings import Settings
from workers.observer_store import ObserverStore

EVENTS = 24
CHANGES = (
    "delete row",
    "prune row",
    "delete notification",
    "delete published",
    "delete line",
    "repeat line",
    "repeat line at the end",
    "foreign line",
    "late line",
    "other type",
    "other payload",
    "other version",
    "unknown contents",
    "other line",
    "phantom line",
)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("paired")
    return Settings(home=home, database_url=f"sqlite:///{home / 'data' / 'alpes.db'}")


@pytest.fixture(scope="module")
def application(instance: Settings) -> Iterator[Application]:
    fill(instance, EVENTS)
    with Application(instance, pool_size=5) as application:
        yield application


class History:
    """The filled instance with changes; `close` undoes them."""

    def __init__(self, application: Application, settings: Settings) -> None:
        self.engine, self.settings = application.engine, settings
        self.store = ObserverStore(settings.observer_store, write=True)
        self.lines = settings.audit_file.read_bytes().splitlines(keepends=True)
        self.original = list(self.lines)
        with self.engine.connect().execution_options(**READ) as connection:
            self.rows = {table.name: list(connection.execute(select(table)).mappings()) for table in TABLES}
        self.published = list(self.store.read_published_rows())
        self.ids = [row["id"] for row in self.rows["outbox_event"]]

    def change(self, kind: str, number: int) -> None:
        event_id, line = self.ids[number], self.original[number]
        matching = [position for position, each in enumerate(self.lines) if event_id.encode() in each]
        with self.engine.begin() as connection:
            match kind:
                case "delete row":
                    connection.execute(delete(outbox_event).where(outbox_event.c.id == event_id))
                case "prune row":
                    row = self.rows["outbox_event"][number]
                    values = {name: row[name] for name in ("seq", "correlation_id", "occurred_at")}
                    values |= {"event_id": event_id, "pruned_at": row["occurred_at"]}
                    connection.execute(delete(pruned_event).where(pruned_event.c.event_id == event_id))
                    connection.execute(insert(pruned_event).values(values))
                    if number % 3:  # otherwise the row is pruned at this moment: it is in both tables
                        connection.execute(delete(outbox_event).where(outbox_event.c.id == event_id))
                case "delete notification":
                    connection.execute(delete(notification).where(notification.c.event_id == event_id))
                case "other type":
                    where = notification.c.event_id == event_id
                    connection.execute(update(notification).where(where).values(type="Other"))
                case "other payload":
                    where = outbox_event.c.id == event_id
                    payload = {"amount": 12.5, "name": 'ñ "quoted" \\'}
                    connection.execute(update(outbox_event).where(where).values(payload=payload))
                case "other version":
                    connection.execute(update(outbox_event).where(outbox_event.c.id == event_id).values(version=2))
                case "delete published":
                    self.store._db.execute("DELETE FROM published WHERE event_id = ?", (event_id,))
                case "unknown contents":
                    self.store._db.execute(
                        "UPDATE published SET contents = NULL, version = NULL WHERE event_id = ?", (event_id,)
                    )
                case "delete line":
                    self.lines = [each for each in self.lines if event_id.encode() not in each]
                case "repeat line":
                    self.lines.insert(min(number, len(self.lines)), line)
                case "repeat line at the end":
                    self.lines.append(line)
                case "late line":
                    for position in matching[:1]:
                        self.lines.append(self.lines.pop(position))
                case "other line":
                    for position in matching[:1]:
                        self.lines[position] = self.lines[position].replace(b'"12.05"', b'"13.05"')
                case "foreign line":
                    self.lines.insert(min(number, len(self.lines)), line[: number * 10 + 5] + b"\n")
                case "phantom line":
                    self.lines.append(line.replace(event_id.encode(), b"\\ud800" + event_id[:30].encode()))
        self.settings.audit_file.write_bytes(b"".join(self.lines))

    def close(self) -> None:
        with self.engine.begin() as connection:
            for table in TABLES:
                connection.execute(delete(table))
                if self.rows[table.name]:
                    connection.execute(insert(table), [dict(row) for row in self.rows[table.name]])
        self.store._db.execute("DELETE FROM published")
        self.store.restore(self.published)
        self.store.close()
        self.settings.audit_file.write_bytes(b"".join(self.original))


TABLES = [metadata.tables[name] for name in ("outbox_event", "notification", "pruned_event")]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, EVENTS - 1)), max_size=8),
    st.sampled_from([1, 4, 100]),
    st.sampled_from([1, 3, 7, 1000]),
)
def test_pairing_shows_what_the_comparison_by_ids_shows(
    application: Application, instance: Settings, changes: list[tuple[str, int]], waiting: int, page: int
) -> None:
    show_same(application, instance, changes, waiting, page)


def test_a_row_that_is_pruned_while_it_is_read_is_counted_once(application: Application, instance: Settings) -> None:
    for waiting in (1, 2, 100):
        show_same(application, instance, [("prune row", 3), ("other version", 3), ("prune row", 6)], waiting, 1)


def show_same(
    application: Application, instance: Settings, changes: list[tuple[str, int]], waiting: int, page: int
) -> None:
    history = History(application, instance)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw_contents, "PAGE", page)
        patch.setattr(audit_lines, "LINES_AT_ONCE", page)
        try:
            for kind, number in changes:
                history.change(kind, number)
            expected = asdict(reconciliation._compare(application, instance, None, 5))
            assert asdict(reconciliation._compare_by_pairs(application, instance, waiting)) == expected
        finally:
            history.close()


@pytest.mark.parametrize("kind", CHANGES)
def test_each_change_is_seen_where_sources_differ(application: Application, instance: Settings, kind: str) -> None:
    history = History(application, instance)
    try:
        history.change(kind, 4)
        result = reconciliation.reconcile(application, instance)
        same = reconciliation._compare(application, instance, None, 5)
    finally:
        history.close()
    assert asdict(result) == asdict(same)
    assert result.complete == (kind in ("prune row", "unknown contents", "late line", "delete row"))


def test_a_sound_system_is_paired_completely_and_the_rest_is_set_aside(
    application: Application, instance: Settings
) -> None:
    history = History(application, instance)
    try:
        history.change("delete line", 3)
        with closing(pairing.Paired()) as paired, closing(ObserverStore(instance.observer_store)) as store:
            with application.reading(consistent=True) as first, application.reading(consistent=True) as second:
                sources = pairing.Sources(
                    raw_contents.read_committed_pages(first),
                    iter([]),
                    store.read_published_pages(5),
                    raw_contents.read_notified_pages(second),
                    audit_lines.read_pages(instance.audit_file),
                )
                pairing.pair(sources, paired)
            assert paired.agreed == EVENTS - 1
            for collection in (paired.rest, paired.notified):
                assert [event_id for event_id, _ in collection.latest()] == [history.ids[3]]
            assert list(paired.lines.latest()) == []
    finally:
        history.close()


def test_an_id_that_is_no_text_is_compared_in_another_way(application: Application, instance: Settings) -> None:
    history = History(application, instance)
    try:
        with history.engine.begin() as connection:
            connection.execute(text("UPDATE outbox_event SET id = x'00ff' WHERE seq = 7"))
        with pytest.raises(pairing.UnusualId):
            reconciliation._compare_by_pairs(application, instance)
        assert reconciliation.reconcile(application, instance).not_published == ("0x00ff",)
    finally:
        history.close()


def test_text_that_is_not_utf8_is_compared_in_another_way(application: Application, instance: Settings) -> None:
    history = History(application, instance)
    try:
        with history.engine.begin() as connection:
            connection.execute(text("UPDATE outbox_event SET type = CAST(x'41ff' AS TEXT) WHERE seq = 7"))
        with pytest.raises(raw_contents.UndecodableText):
            reconciliation._compare_by_pairs(application, instance)
        assert reconciliation.reconcile(application, instance).contents_differ == (history.ids[6],)
    finally:
        history.close()


def test_an_event_that_cannot_be_read_again_is_compared_in_another_way(
    application: Application, instance: Settings
) -> None:
    with closing(pairing.Paired()) as paired, application.reading() as connection:
        paired.rest.put([("nowhere", "")])
        with pytest.raises(pairing.UnusualId):
            compare_unpaired(application, instance, paired, connection, set(), set())


def test_a_second_line_of_a_paired_event_is_named_and_not_counted_again(
    application: Application, instance: Settings
) -> None:
    line = next(line for line in audit_lines.read(instance.audit_file) if isinstance(line, audit_lines.AuditLine))
    with closing(pairing.Paired()) as paired, application.reading() as connection:
        paired.lines.put([(line.contents.event_id, "of another line")])
        compared = compare_unpaired(application, instance, paired, connection, set(), set())
    assert compared.repeated == {line.contents.event_id}
    assert compared.comparisons == []  # the last line of the file is as it should be
    assert sum(compared.totals.values()) == 0


def test_sources_that_are_far_apart_wait_on_disk(application: Application, instance: Settings) -> None:
    ids = [f"{number:06}" for number in range(2000)]
    shuffled = random.Random(1).sample(ids, len(ids))
    pages = [[[(event_id, None, None)] for event_id in order] for order in (ids, [], ids, shuffled, [])]
    with closing(pairing.Paired()) as paired:
        pairing.pair(pairing.Sources(*map(iter, pages)), paired, waiting=50)  # type: ignore[arg-type]
        assert [event_id for event_id, _ in paired.rest.latest()] == ids
        assert paired.agreed == 0
