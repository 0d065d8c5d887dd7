"""Test the verbs feed and reconcile on stores that no process writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import typer

from cli.commissions import calculate
from cli.watching import feed, reconcile
from settings import Settings
from tests.builders import delivery, record
from workers.observer import build_observed
from workers.observer_store import ObserverStore


def test_an_empty_instance_is_reconciled(settings: Settings, printed: Callable[[], Any]) -> None:
    reconcile(wait=0, json=True)
    assert (result := printed())["ok"] is True
    assert result["committed"] == 0


def test_an_event_that_nobody_published_makes_reconcile_fail(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    calculate("1.00", json=True)
    (event_id,) = json.loads(capsys.readouterr().out)["event_ids"]
    with pytest.raises(typer.Exit) as ended:
        reconcile(wait=0)
    assert ended.value.exit_code == 1
    shown = capsys.readouterr().out
    assert event_id in shown
    assert "the sources differ" in shown


def test_feed_prints_messages_of_the_observer_oldest_first(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = settings.topics.events
    store = ObserverStore(settings.observer_store, write=True)
    store.record([build_observed(delivery(record(seq), seq, topic), settings.topics) for seq in (1, 2)], {topic})
    store.close()
    feed(json=True)
    messages = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [message["seq"] for message in messages] == [1, 2]
    assert messages[0]["type"] == "CommissionCalculated"
    feed(topic="outbox-events", limit=1)
    (line,) = capsys.readouterr().out.splitlines()
    assert "(7,2,-1,-1)" in line
    feed(topic="another-topic")
    assert capsys.readouterr().out == ""
