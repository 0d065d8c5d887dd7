"""Test that what was committed arrives unchanged in all four sources: outbox row, message, notification and audit line."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.exc import DBAPIError

from application import Application
from connectors import envelope
from connectors.envelope import Inserted
from db import contents, notification_queries, queries, rows
from db.engine import READ
from db.outbox import OutboxFeed
from db.tables import notification, outbox_event
from domain import contract
from domain.commands import CalculateCommission
from domain.errors import Refusal
from domain.outbox import OutboxRecord
from scenarios.waiting import until
from settings import Settings
from tests.builders import delivery
from workers import audit_file
from workers.inbox import Effect, Inbox
from workers.observer_store import ObserverStore
from workers.reading import interpret

NOT_UTF8: tuple[Literal["Cs"]] = ("Cs",)
texts = st.text(st.characters(exclude_categories=NOT_UTF8, exclude_characters="\0\ufffd"), max_size=40)
numbers = st.integers(-(10**15) + 1, 10**15 - 1) | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6
).map(float)
documents = st.recursive(
    st.none() | st.booleans() | texts | numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
payloads = st.dictionaries(texts, documents, max_size=5)
ids = st.from_regex(f"{contract.IDENTIFIER_PATTERN}", fullmatch=True).filter(
    lambda found: len(found) <= contract.IDENTIFIER_LENGTH
)


def same_everywhere(document: Any) -> str:
    """One spelling of a JSON document: MySQL orders the keys of objects and writes 1e2 as 100.0."""

    def spelled(value: Any) -> Any:
        if isinstance(value, bool) or value is None or isinstance(value, str):
            return value
        if isinstance(value, int | float | Decimal):
            return {"number": f"{Decimal(repr(value) if isinstance(value, float) else value).normalize() + 0:f}"}
        if isinstance(value, list):
            return [spelled(member) for member in value]
        return {"object": {key: spelled(member) for key, member in value.items()}}

    return json.dumps(spelled(document), sort_keys=True)


def insert_foreign(
    connection: Connection, payload: dict[str, Any], correlation: str, *, ensure_ascii: bool = False
) -> str:
    """An outbox row as somebody else's program writes it; its event id. With `ensure_ascii`, JSON's escapes are used."""
    event_id, commission = str(uuid.uuid4()), str(uuid.uuid4())
    connection.execute(
        text(
            "INSERT INTO outbox_event (id, aggregate_type, aggregate_id, aggregate_version, type, version, payload,"
            " correlation_id, occurred_at) VALUES (:id, 'commission', :aggregate, 1, 'CommissionCalculated', 1, :payload,"
            " :correlation, '2026-01-02 12:00:00.123456')"
        ),
        {
            "id": event_id,
            "aggregate": commission,
            "correlation": correlation,
            "payload": json.dumps({**payload, "commissionId": commission}, ensure_ascii=ensure_ascii),
        },
    )
    return event_id


def deliver_rest(engine: Engine, inbox: Inbox, after: int) -> list[tuple[OutboxRecord, bytes]]:
    """Bring what is beyond a `seq` through envelope and inbox; the rows with their messages."""
    feed = OutboxFeed(engine)
    brought = []
    for record in feed.after(after, 1000):
        assert isinstance(record, OutboxRecord)
        message = delivery(record, record.seq)
        effect = interpret(message)
        assert isinstance(effect, Effect), effect
        inbox.apply([effect], [])
        brought.append((record, message.value))
    feed.close()
    return brought


@pytest.fixture
def inbox(engine: Engine) -> Iterator[Inbox]:
    inbox = Inbox(engine, "test")
    yield inbox
    inbox.close()


def check_sources(engine: Engine, path: Path, brought: list[tuple[OutboxRecord, bytes]], sent: list[str]) -> None:
    """All four sources hold the documents `sent`, spelled the same."""
    with engine.connect().execution_options(**READ) as connection:
        rows = {row.event_id: row for row in notification_queries.notifications_after(connection, 0, 10_000)}
    lines = [audit_file.line(rows[record.id]) for record, _ in brought]
    path.write_bytes(b"".join(lines))
    audited = [contract.read_envelope(line) for line in path.read_bytes().splitlines()]
    for (record, message), line, expected in zip(brought, audited, sent, strict=True):
        decoded = envelope.decode(message)
        assert isinstance(decoded, Inserted)
        assert decoded.record == record
        row = rows[record.id]
        for name in ("aggregate_version", "type", "correlation_id", "occurred_at"):
            assert getattr(row, name) == getattr(record, name)
        assert (row.commission_id, line["commissionId"]) == (record.aggregate_id, record.aggregate_id)
        assert (line["eventId"], line["correlationId"]) == (record.id, record.correlation_id)
        spelled = [json.loads(record.payload), json.loads(decoded.record.payload), row.payload, line["payload"]]
        assert {same_everywhere(document) for document in spelled} == {expected}


def head(engine: Engine) -> int:
    with engine.connect().execution_options(**READ) as connection:
        return queries.outbox_head(connection)


HYPOTHESIS: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


def test_any_document_that_the_contract_takes_arrives(
    engine: Engine, inbox: Inbox, tmp_path: Path, database_url: str
) -> None:
    @settings(max_examples=15 if database_url.startswith("mysql") else 80, **HYPOTHESIS)
    @given(st.lists(payloads, min_size=1, max_size=5))
    def arrives(documents: list[dict[str, Any]]) -> None:
        before = head(engine)
        with engine.begin() as connection:
            for document in documents:
                insert_foreign(connection, document, "run-1")
        brought = deliver_rest(engine, inbox, before)
        expected = [
            same_everywhere({**document, "commissionId": record.aggregate_id})
            for document, (record, _) in zip(documents, brought, strict=True)
        ]
        check_sources(engine, tmp_path / "events.jsonl", brought, expected)

    arrives()


def test_any_command_that_is_taken_arrives(engine: Engine, inbox: Inbox, tmp_path: Path, database_url: str) -> None:
    @settings(max_examples=10 if database_url.startswith("mysql") else 60, **HYPOTHESIS)
    @given(
        ids, ids, ids, st.decimals(0, 10**15, places=2, allow_nan=False) | st.text(max_size=20),
        st.sampled_from(["USD", "JPY", "KWD", "ALL"]), ids,
    )  # fmt: skip
    def arrives(conversion: str, affiliate: str, campaign: str, gross: Any, currency: str, correlation: str) -> None:
        before = head(engine)
        try:
            result = application.send(
                CalculateCommission(conversion, affiliate, campaign, gross, currency, correlation)
            )
        except Refusal:
            assert head(engine) == before
            return
        ((record, message),) = deliver_rest(engine, inbox, before)
        payload = json.loads(record.payload)
        assert (payload["conversionId"], payload["affiliateId"], payload["campaignId"]) == (
            conversion, affiliate, campaign,
        )  # fmt: skip
        assert (Decimal(payload["grossAmount"]), payload["amount"]) == (Decimal(gross), f"{result.amount:f}")
        check_sources(engine, tmp_path / "events.jsonl", [(record, message)], [same_everywhere(payload)])

    made = Settings(home=tmp_path, stack="external", database_url=database_url)
    with Application(made, pool_size=1) as application:
        arrives()


HARD: list[dict[str, Any]] = [
    {"text": "".join(map(chr, range(1, 0x180))) + "\u2028\ufffe\U0001f600\U0010ffff"},
    {"quotes": '"\\' * 500, "line": "a\r\nb\tc", "": "empty key", "ключ": "значение"},
    {"numbers": [0, -1, 10**15 - 1, 1.5, -0.000001, 1e-22, 999999999999.999], "literals": [True, False, None]},
    {"deep": json.loads("[" * 60 + "]" * 60), "b": {"c": {"a": [], "B": {}}}},
    {"key" * 85: 1, "bb": 1, "a": 2, "A": 3},
]


def test_hard_documents_arrive_through_the_running_stack(stack: Settings) -> None:
    correlation = f"arrival-{uuid.uuid4()}"
    engine = create_engine(stack.database_url)
    with engine.begin() as connection:
        event_ids = [insert_foreign(connection, document, correlation) for document in HARD]
    store = ObserverStore(stack.observer_store)
    until(lambda: _audited(stack, correlation) == set(event_ids), 30, "all of them notified and audited")
    until(lambda: store.select_published(event_ids) == set(event_ids), 30, "the observer has read all of them too")
    lines = {line["eventId"]: line for line in map(json.loads, stack.audit_file.read_bytes().splitlines())}
    with engine.connect() as connection:
        stored = {row.id: row.payload for row in connection.execute(select(outbox_event))}
        notified = {row.event_id: row.payload for row in connection.execute(select(notification))}
    engine.dispose()
    try:
        for event_id, document in zip(event_ids, HARD, strict=True):
            decoded = envelope.decode(store.read_messages_of(event_id)[0].value)
            assert isinstance(decoded, Inserted)
            expected = same_everywhere({**document, "commissionId": decoded.record.aggregate_id})
            sources = [stored[event_id], json.loads(decoded.record.payload), notified[event_id]]
            sources.append(lines[event_id]["payload"])
            assert [same_everywhere(source) for source in sources] == [expected] * 4
    finally:
        store.close()


DAMAGED: list[dict[str, Any]] = [
    {"text": "MySQL keeps the second half of a surrogate pair \udfff, and its readers do not"},
    {"\udc00": "in a key"},
    {"text": "bytes that could not be decoded: \ufffd"},
]


def test_every_reader_reads_on_behind_a_document_that_arrives_damaged(engine: Engine) -> None:
    """MySQL stores half of a surrogate pair as bytes that its own driver cannot decode."""
    with engine.begin() as connection:
        event_ids = [
            insert_foreign(connection, document, "damaged", ensure_ascii=True) for document in [*DAMAGED, HARD[0]]
        ]
    with engine.connect().execution_options(**READ) as connection:
        shown = {row.id: row.payload for row in queries.recent_outbox(connection, 50)}
        committed = [row.contents for row in contents.read_committed(connection, "damaged")]
        kept = [json.dumps(row) for row in rows.read(connection, outbox_event)]
    assert list(shown) == event_ids[::-1]
    assert {row.event_id for row in committed} == set(event_ids)
    assert len(kept) == len(event_ids)
    for event_id in event_ids[:-1]:  # what a consumer is given of it is refused, in one spelling or the other
        with pytest.raises(contract.ContractError):
            contract.read_payload(json.dumps(shown[event_id]))
    assert same_everywhere(shown[event_ids[-1]] | {"commissionId": ""}) == same_everywhere(
        HARD[0] | {"commissionId": ""}
    )


def test_no_foreign_row_takes_the_number_that_later_rows_need(stack: Settings) -> None:
    correlation = f"number-{uuid.uuid4()}"
    engine = create_engine(stack.database_url)
    greedy = text(
        "INSERT INTO outbox_event (seq, id, aggregate_type, aggregate_id, aggregate_version, type, version, payload,"
        " correlation_id, occurred_at) VALUES (9223372036854775807, 'x', 'commission', 'x', 1, 'x', 1, '{}', 'x',"
        " '2026-01-02 12:00:00')"
    )
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(greedy)
    with engine.begin() as connection:
        event_id = insert_foreign(connection, HARD[1], correlation)
    until(lambda: _audited(stack, correlation) == {event_id}, 30, "the next row arrives")
    engine.dispose()


def _audited(stack: Settings, correlation: str) -> set[str]:
    return set(audit_file.event_ids(stack.audit_file, correlation))
