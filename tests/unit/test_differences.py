"""Test how a difference between two sources is explained: the field, and both values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from application import Application
from db.engine import connect
from db.migrate import upgrade
from db.outbox import OutboxFeed
from db.tables import notification, outbox_event
from domain.commands import CalculateCommission
from scenarios.differences import Difference, explain_differences
from settings import Settings
from tests.builders import delivery
from workers.audit_projection import AuditProjection
from workers.inbox import Effect, Inbox
from workers.observer import build_observed
from workers.observer_store import ObserverStore
from workers.reading import interpret


class Everywhere:
    """One event in all four sources."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder, stack="external", database_url=f"sqlite:///{folder / 'a.db'}")
        self.settings.data.mkdir(parents=True, exist_ok=True)
        self.engine = connect(self.settings.database_url)
        upgrade(self.engine)
        self.application = Application(self.settings, pool_size=1)
        (self.event_id,) = self.application.send(CalculateCommission("v", "a", "k", "1.00", "USD")).event_ids
        (row,) = OutboxFeed(self.engine).after(0, 10)
        topic = self.settings.topics.events
        self.message = delivery(row, topic=topic)  # type: ignore[arg-type]
        store = ObserverStore(self.settings.observer_store, write=True)
        store.record([build_observed(self.message, self.settings.topics)], {topic})
        store.close()
        effect = interpret(self.message)
        assert isinstance(effect, Effect)
        inbox = Inbox(self.engine, "test")
        inbox.apply([effect], [])
        inbox.close()
        projection = AuditProjection(self.engine, self.settings.audit_file)
        projection.step()
        projection.close()

    def explain(self) -> tuple[Difference, ...]:
        return explain_differences(self.application, self.settings, [self.event_id])


@pytest.fixture
def everywhere(tmp_path: Path) -> Iterator[Everywhere]:
    made = Everywhere(tmp_path)
    yield made
    made.application.close()
    made.engine.dispose()


def test_equal_sources_have_no_difference(everywhere: Everywhere) -> None:
    assert everywhere.explain() == ()


def test_a_notification_with_another_amount_is_explained_by_that_field(everywhere: Everywhere) -> None:
    with everywhere.engine.begin() as connection:
        connection.execute(update(notification).values(payload={"amount": "9.99"}))
    fields = {(difference.source, difference.field): difference for difference in everywhere.explain()}
    amount = fields["notified", "payload.amount"]
    assert (amount.expected, amount.seen) == ('"0.10"', '"9.99"')
    assert fields["notified", "payload.currency"].seen == "-"
    assert f"notified {everywhere.event_id}: payload.amount is" in str(amount)


def test_an_outbox_row_that_changed_differs_from_its_message_and_its_notification(everywhere: Everywhere) -> None:
    with everywhere.engine.begin() as connection:
        connection.execute(update(outbox_event).values(correlation_id="another"))
    found = {(difference.source, difference.field, difference.expected) for difference in everywhere.explain()}
    assert found == {("published", "correlation_id", "another"), ("notified", "correlation_id", "another")}


def test_an_audit_line_that_changed_differs_from_its_notification(everywhere: Everywhere) -> None:
    path = everywhere.settings.audit_file
    path.write_bytes(path.read_bytes().replace(b'"consumer":"test"', b'"consumer":"fake"'))
    (difference,) = everywhere.explain()
    assert (difference.source, difference.field, difference.expected, difference.seen) == (
        "audited", "consumer", "test", "fake",
    )  # fmt: skip
