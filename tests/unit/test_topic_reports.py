"""Test the report of topics on a broker without an admin REST: the observer's counts, and every topic of the instance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.admin import Admin, AdminRefused
from settings import Settings
from stacks.topics import list_topics
from tests.builders import delivery, record
from workers.observer import build_observed
from workers.observer_store import ObserverStore


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path)
    ObserverStore(settings.observer_store, write=True).close()
    return settings


def test_topics_that_have_no_message_are_listed_with_zero(settings: Settings) -> None:
    reports = {report.name: report for report in list_topics(settings)}
    names = settings.topics
    assert set(reports) == {names.events, names.commands, names.dead_letter, names.retry}
    assert {report.messages for report in reports.values()} == {0}
    assert [report.name for report in reports.values() if report.live] == [names.events]


def test_messages_are_counted_on_every_topic_that_was_observed(settings: Settings) -> None:
    store = ObserverStore(settings.observer_store, write=True)
    for topic, count in ((settings.topics.events, 2), (settings.topics.naive, 1)):
        batch = [build_observed(delivery(record(seq), seq, topic), settings.topics) for seq in range(1, count + 1)]
        store.record(batch, {settings.topics.events})
    store.close()
    counted = {report.name: report.messages for report in list_topics(settings) if report.messages}
    assert counted == {settings.topics.events: 2, settings.topics.naive: 1}
    assert {report.source for report in list_topics(settings)} == {"observer"}


def test_a_topic_whose_statistics_are_refused_is_listed_without_numbers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    statistics = {
        "msgInCounter": 7,
        "publishers": [{}],
        "subscriptions": {"notifications": {"type": "Key_Shared", "msgBacklog": 3, "consumers": [{}, {}]}},
    }

    def ask(_admin: Admin, name: str) -> dict[str, object]:
        if name == "refused":
            raise AdminRefused(401, "no")
        return statistics

    monkeypatch.setattr(Admin, "topics", lambda _: [settings.topics.events, "refused"])
    monkeypatch.setattr(Admin, "topic_statistics", ask)
    asked = settings.model_copy(update={"stack": "external", "pulsar_admin_url": "http://127.0.0.1:1"})
    live, refused = list_topics(asked)
    assert (live.messages, live.producers, live.live) == (7, 1, True)
    ((name, kind, backlog, consumers),) = [
        (row.name, row.type, row.backlog, row.consumers) for row in live.subscriptions
    ]
    assert (name, kind, backlog, consumers) == ("notifications", "Key_Shared", 3, 2)
    assert refused == replace(refused, messages=None, producers=None, subscriptions=[])
