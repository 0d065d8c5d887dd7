"""The publishers that exist for comparison do what they claim: the poller deletes only what was acknowledged, a dual write forgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.dialects import mysql

from bench.peers import dual_write, polling, stock
from bench.peers.catalogue import PEERS, choose_mysql
from bench.peers.polling import BatchPublisher, Poller
from connectors.broker import BrokerUnavailable
from connectors.sending import Sent
from db.engine import connect
from db.outbox import build_row
from db.tables import metadata, outbox_event
from domain.clock import utc_now
from domain.outbox import OutboxRecord
from scenarios.bulk_rows import make_calculated
from settings import Settings


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'rows.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def add_rows(engine: Engine, count: int) -> list[str]:
    rows = [build_row(make_calculated(), f"event-{number}", "run", None) for number in range(count)]
    with engine.begin() as connection:
        connection.execute(insert(outbox_event), rows)
    return [row["id"] for row in rows]


def count_rows(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(outbox_event)) or 0


def test_rows_are_published_in_their_order_and_then_deleted(engine: Engine) -> None:
    event_ids = add_rows(engine, 3)
    published: list[str] = []
    rows_meanwhile: list[int] = []

    def publish(records: Sequence[OutboxRecord]) -> None:
        published.extend(record.id for record in records)
        rows_meanwhile.append(len(records))

    poller = Poller(engine, publish)
    assert (poller.poll(), poller.poll()) == (3, 0)
    assert (published, rows_meanwhile, count_rows(engine)) == (event_ids, [3], 0)


def test_rows_stay_when_the_broker_did_not_acknowledge_them(engine: Engine) -> None:
    add_rows(engine, 2)

    def refuse(_records: Sequence[OutboxRecord]) -> None:
        raise BrokerUnavailable("down")

    with pytest.raises(BrokerUnavailable):
        Poller(engine, refuse).poll()
    assert count_rows(engine) == 2
    assert Poller(engine, lambda _: None).poll() == 2


def test_a_poll_takes_a_batch_and_skips_locked_rows(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "BATCH", 2)
    add_rows(engine, 5)
    poller = Poller(engine, lambda _: None)
    assert [poller.poll() for _ in range(4)] == [2, 2, 1, 0]
    assert str(poller._rows.compile(dialect=mysql.dialect())).endswith("FOR UPDATE SKIP LOCKED")


class Producer:
    """Stands in for `connectors.broker.Publisher`: answers each message with the next outcome, None for no answer."""

    def __init__(self, outcomes: Sequence[Sent | None], is_replaced: bool = False) -> None:
        self.values: list[bytes] = []
        self.generation = 1
        self._outcomes = iter(outcomes)
        self._is_replaced = is_replaced
        self._checks = 0

    def ensure_connected(self) -> bool:
        self._checks += 1
        if self._is_replaced and self._checks > 1:
            self.generation += 1
        return True

    def send_async(
        self, value: bytes, key: str | None, properties: Mapping[str, str], on_outcome: Callable[[Sent, str], None]
    ) -> None:
        self.values.append(value)
        if (outcome := next(self._outcomes)) is not None:
            on_outcome(outcome, "")


def record(number: int) -> OutboxRecord:
    return OutboxRecord(
        number, f"e{number}", "commission", "c", 1, "CommissionCalculated", 1, "{}", "r", None, utc_now()
    )


def publish(producer: Any, count: int) -> None:
    BatchPublisher(producer).publish([record(number) for number in range(count)])


def test_a_batch_is_published_when_every_message_is_acknowledged() -> None:
    producer = Producer([Sent.ACKNOWLEDGED] * 3)
    publish(producer, 3)
    assert len(producer.values) == 3


def test_a_batch_with_one_message_that_was_not_acknowledged_is_not_published() -> None:
    with pytest.raises(BrokerUnavailable, match="did not acknowledge every message"):
        publish(Producer([Sent.ACKNOWLEDGED, Sent.UNAVAILABLE]), 2)


def test_a_client_that_was_replaced_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "CHECK_EVERY_S", 0.0)
    with pytest.raises(BrokerUnavailable, match="connection to the broker was lost"):
        publish(Producer([Sent.ACKNOWLEDGED, None], is_replaced=True), 2)


def test_a_dual_write_publishes_once_and_forgets_what_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent: list[str] = []

    class Down:
        def __init__(self, _broker: object, topic: str, send_timeout_s: float) -> None:
            self.topic = topic

        def ensure_connected(self) -> bool:
            return False

        def send(self, value: bytes, key: str) -> None:
            sent.append(self.topic)
            raise BrokerUnavailable("down")

        def drop(self) -> None:
            sent.append("dropped")

    monkeypatch.setattr(dual_write, "Publisher", Down)
    settings = Settings(home=tmp_path, stack="native", pulsar_url="pulsar://127.0.0.1:1")
    with dual_write.publishing(settings, 2) as publishers:
        assert len(publishers) == 2
        publishers[0](record(1))
    assert sent == [settings.topics.events, "dropped", "dropped"]


def test_the_stock_source_has_the_descriptions_settings_and_no_tuning(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, stack="native", nar="3.1.2", database_url="mysql+pymysql://u:p@127.0.0.1:3306/alpes"
    )
    config = stock.render(settings)
    assert "producerConfig" not in config
    assert config["name"] != settings.source_name
    tuned = {
        "max.batch.size",
        "poll.interval.ms",
        "snapshot.mode",
        "message.key.columns",
        "heartbeat.interval.ms",
        "connect.keep.alive.interval.ms",
        "value.converter",
        "skipped.operations",
    }
    assert config["configs"].keys() & tuned == set()
    assert config["configs"]["table.include.list"] == "alpes.outbox_event"
    assert config["configs"]["transforms.route.regex"] == "(.*)"
    assert all(isinstance(value, str) for value in config["configs"].values())


def test_one_mysql_serves_every_capture() -> None:
    assert choose_mysql() == "8.0"
    assert [peer.name for peer in PEERS.values() if not peer.has_outbox] == ["dual-write"]
    assert {name for name, peer in PEERS.items() if peer.capture is None} == {"polling", "dual-write"}
