"""Sources agree about an event only when all that they say of it is the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application import Application
from bench.filling import fill
from db import notification_queries, raw_contents
from scenarios import agreement
from settings import Settings
from workers import audit_file
from workers.observer_store import ObserverStore


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("agreement")
    return Settings(home=home, database_url=f"sqlite:///{home / 'data' / 'alpes.db'}")


@pytest.fixture(scope="module")
def application(instance: Settings) -> Iterator[Application]:
    fill(instance, 1)
    with Application(instance, pool_size=1) as application:
        yield application


def rows(application: Application, settings: Settings) -> tuple[tuple[object, ...], str, tuple[object, ...], bytes]:
    with application.reading() as connection:
        committed = next(raw_contents.read_committed_pages(connection))[0]
        notified = next(raw_contents.read_notified_pages(connection))[0]
        row = notification_queries.notifications_after(connection, 0, 1)[0]
    with closing(ObserverStore(settings.observer_store)) as store:
        (published,) = store.select_published_contents([row.event_id])
    assert published.contents is not None
    return committed, published.contents, notified, audit_file.line(row)


def test_a_usual_event_agrees_without_parsing_it(
    application: Application, instance: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed, contents, notified, line = rows(application, instance)
    monkeypatch.setattr(agreement, "_agree_converted", lambda *_: pytest.fail("it was parsed"))
    assert agreement.agree(committed, contents, 1, notified, line)
    assert agreement.agree(None, contents, 1, notified, line)
    assert agreement.agree(committed, None, None, notified, line)


@pytest.mark.parametrize("column", range(9))
def test_an_event_does_not_agree_when_a_column_differs(
    application: Application, instance: Settings, column: int
) -> None:
    committed, contents, notified, line = rows(application, instance)
    other = "2020-01-01 00:00:00.000000" if column == 6 else '{"a": "b"}' if column == 4 else 77
    changed = (*committed[:column], other, *committed[column + 1 :])
    is_compared = column != 7  # `seq` of the outbox row is in no other source
    assert agreement.agree(changed, contents, 1, notified, line) != is_compared
    changed = (*notified[:column], other, *notified[column + 1 :])
    assert not agreement.agree(None, None, None, changed, line)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.none(), max_size=4), st.booleans())
def test_a_form_spells_a_payload_as_json_does(payload: dict[str, object], has_spaces: bool) -> None:
    document = json.dumps(payload, separators=(", ", ": ") if has_spaces else (",", ":"))
    form = agreement._find_form(document.split('"'))
    if form is None or "\\" in document:
        return
    parts = document.split('"')
    assert form.compact % form.values(parts) == json.dumps(payload, separators=(",", ":"))
    canonical = json.dumps(payload, separators=(",", ":"), sort_keys=True)
    assert form.quoted % form.sorted_values(parts) == json.dumps(canonical)
