"""An id is found by its beginning or end, if only one has it: tables show the end."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from sqlalchemy import Engine, insert

from application.commissions import new_id
from db import lookups
from db.tables import outbox_event
from tests.builders import record


def _insert(engine: Engine, *ids: tuple[str, str]) -> None:
    rows = [asdict(record(seq, commission_id, id=event_id)) for seq, (event_id, commission_id) in enumerate(ids, 1)]
    with engine.begin() as connection:
        connection.execute(insert(outbox_event), [row | {"payload": {}} for row in rows])


def _find(engine: Engine, part: str) -> str | None:
    with engine.connect() as connection:
        return lookups.find_id_by_part(connection, part)


def test_an_event_and_its_commission_are_found_by_their_ends(engine: Engine) -> None:
    ids = [(new_id(), new_id()) for _ in range(50)]
    _insert(engine, *ids)
    for event_id, commission_id in ids:
        assert _find(engine, event_id[-8:]) == event_id
        assert _find(engine, commission_id[-8:]) == commission_id
    assert _find(engine, ids[0][0][:8]) is None  # the minute, which all of them begin with
    assert _find(engine, ids[0][0][:24]) == ids[0][0]


def test_an_end_of_several_ids_finds_none_of_them_and_its_characters_are_no_pattern(engine: Engine) -> None:
    _insert(engine, ("one-same-end", "commission-1"), ("two-same-end", "commission-2"), ("a_b%c", "commission-3"))
    assert _find(engine, "same-end") is None
    assert _find(engine, "e-same-end") == "one-same-end"
    assert _find(engine, "%c") == "a_b%c"
    assert _find(engine, "_%c") is None
    assert _find(engine, "nowhere") is None


def test_all_events_of_a_commission_have_one_end(engine: Engine) -> None:
    _insert(engine, ("event-1", "the-commission"))
    with engine.begin() as connection:
        row = asdict(record(2, "the-commission", version=2, id="event-2")) | {"payload": {}}
        connection.execute(insert(outbox_event), row)
    assert _find(engine, "commission") == "the-commission"


def test_an_end_is_looked_for_among_the_newest_events_only(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    _insert(engine, ("event-old", "commission-a"), ("event-new", "commission-b"))
    monkeypatch.setattr(lookups, "NEWEST", 1)
    assert _find(engine, "t-new") == "event-new"
    assert _find(engine, "t-old") is None
    assert _find(engine, "event-o") == "event-old"
