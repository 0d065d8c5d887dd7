"""The feed while it is paused: it is filtered as it was at the pause, and tells what came since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dashboard import i18n
from dashboard.components.feed_controls import Pause, keep, paused_line
from dashboard.view_models.observer_reader import ObserverReader
from dashboard.view_models.refresher import MOST_WANTED, Refresher
from dashboard.view_models.snapshot import DatabaseState, FeedState
from settings import Settings
from tests.builders import delivery, record
from workers.observer import build_observed
from workers.observer_store import ObserverStore


class Read:
    """Stands in for the database's reader: it keeps which events' deliveries were asked for."""

    def __init__(self) -> None:
        self.ids: tuple[str, ...] = ()
        self.state = DatabaseState()

    def step(self, ids: tuple[str, ...]) -> None:
        self.ids = ids


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def observe(store: ObserverStore, settings: Settings, number: int) -> None:
    message = build_observed(delivery(record(number), number, settings.topics.events), settings.topics)
    store.record([message], settings.topics.carrying_events())


def test_a_pause_keeps_its_beginning_until_it_ends_or_the_store_is_new(settings: Settings) -> None:
    store, reader = ObserverStore(settings.observer_store, write=True), ObserverReader(settings)
    observe(store, settings, 1)
    reader.step()
    pause = keep(None, True, reader.state, 100.0)
    assert pause == Pause(1, 100.0)
    observe(store, settings, 2)
    observe(store, settings, 3)
    reader.step()
    assert keep(pause, True, reader.state, 200.0) == pause
    assert pause.newer(reader.state) == 2
    assert keep(pause, False, reader.state, 200.0) is None
    emptied = replace(reader.state, messages=())
    assert keep(pause, True, emptied, 300.0) == Pause(0, 300.0)
    store.close()


def test_the_filter_finds_what_was_there_at_the_pause_and_nothing_newer(settings: Settings) -> None:
    store, reader = ObserverStore(settings.observer_store, write=True), ObserverReader(settings)
    for number in range(1, 60):
        observe(store, settings, number)
    assert [message.n for message in reader.filter_messages(None, None, 20)][:2] == [20, 19]
    assert [message.n for message in reader.filter_messages(settings.topics.events, "calculated", 20)][:1] == [20]
    newest = reader.filter_messages(None, None)[0]
    assert newest.n == 59
    assert reader.filter_messages(None, newest.event_id, 58) == []
    assert [message.n for message in reader.filter_messages(None, newest.event_id, 59)] == [59]
    store.close()


@pytest.mark.parametrize(
    ("language", "newer", "sentence"),
    [
        ("en", 0, "Paused at 00:01:40; 0 newer messages"),
        ("en", 1, "Paused at 00:01:40; 1 newer message"),
        ("es", 1, "En pausa desde las 00:01:40; 1 mensaje más nuevo"),
        ("es", 2, "En pausa desde las 00:01:40; 2 mensajes más nuevos"),
    ],
)
def test_the_card_says_since_when_it_is_paused_and_what_it_lacks(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, language: str, newer: int, sentence: str
) -> None:
    monkeypatch.setattr(i18n, "_resolve", lambda: (language, None))
    store, reader = ObserverStore(settings.observer_store, write=True), ObserverReader(settings)
    for number in range(1, 2 + newer):
        observe(store, settings, number)
    reader.step()
    assert sentence + "<" in paused_line(Pause(1, 100.0), reader.state, "UTC")
    store.close()


def test_the_deliveries_of_what_a_page_shows_are_counted_though_newer_messages_came(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresher = Refresher(settings, application=None)  # type: ignore[arg-type]
    read = Read()
    monkeypatch.setattr(refresher, "reader", read)
    monkeypatch.setattr(refresher, "_note_arrived", lambda: None)
    monkeypatch.setattr(refresher, "_sample", lambda: None)
    refresher.want_deliveries(["old-2", "old-1"])
    refresher._read_database()
    before = read.ids
    assert before == ("old-1", "old-2")
    refresher.want_deliveries(["old-1"])
    refresher._read_database()
    assert read.ids == before, "the same events in the same order: the reader reads nothing again"
    refresher.want_deliveries(f"newer-{number}" for number in range(MOST_WANTED))
    refresher._read_database()
    assert len(read.ids) == MOST_WANTED
    assert "old-1" not in read.ids


def test_an_empty_feed_can_be_paused() -> None:
    assert keep(None, True, FeedState(), 1.0) == Pause(0, 1.0)
