"""Test the verb dead-letters on a database that no process writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from cli.dead_letters import discard, list_dead_letters, requeue
from cli.output import Failed
from db.engine import connect
from db.tables import dead_letter
from domain.clock import utc_now
from settings import Settings
from stacks.dead_letters import NotRequeued

COMMAND = b'{"command": "approve", "commissionId": 7}'


@pytest.fixture
def three(settings: Settings) -> Settings:
    """With two commands and an event among the dead letters; the second command was requeued."""
    engine = connect(settings.database_url)
    topics = (settings.topics.commands, settings.topics.commands, settings.topics.events)
    for number, topic in enumerate(topics, start=1):
        values = {
            "topic": topic,
            "message_id": f"(1,{number})",
            "payload": COMMAND,
            "properties": {},
            "reason": "malformed_command",
            "detail": "commissionId has the wrong type",
            "attempts": 1,
            "dead_lettered_at": utc_now(),
            "requeued_at": utc_now() if number == 2 else None,
        }
        with engine.begin() as connection:
            connection.execute(insert(dead_letter).values(values))
    engine.dispose()
    return settings


def test_an_empty_instance_has_no_dead_letters(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    list_dead_letters()
    assert "no dead letters" in capsys.readouterr().out


def test_each_verb_asks_for_numbers_and_refuses_unknown_ones(three: Settings) -> None:
    for verb in (requeue, discard):
        with pytest.raises(Failed, match="give numbers"):
            verb([])
        with pytest.raises(Failed, match="no dead letter 7"):
            verb([1, 7])


def test_a_discarded_dead_letter_is_listed_with_its_note_and_waits_no_more(
    three: Settings, capsys: pytest.CaptureFixture[str], printed: Callable[[], Any]
) -> None:
    discard([1, 1], note="sent by hand", json=True)
    assert printed() == {"ok": True, "discarded": [1]}
    list_dead_letters(json=True)
    states = {row["seq"]: (row["discard_note"], row["discarded_at"] is not None) for row in printed()}
    assert states == {1: ("sent by hand", True), 2: (None, False), 3: (None, False)}
    list_dead_letters()
    text = capsys.readouterr().out
    assert [word in text for word in ("discarded: sent", "requeued", "waits")] == [True] * 3


def test_what_was_requeued_is_not_discarded_and_nothing_else_is_either(three: Settings, printed: Any) -> None:
    with pytest.raises(Failed, match="dead letter 2 was requeued"):
        discard([1, 2])
    with pytest.raises(Failed, match="at most 500 characters"):
        discard([1], note="x" * 501)
    list_dead_letters(json=True)
    assert not any(row["discarded_at"] for row in printed())


def test_only_a_command_is_sent_with_another_body_and_only_with_one_that_is_a_command(
    three: Settings, tmp_path: Path
) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"command": "approve", "commissionId": "c-1"}')
    with pytest.raises(NotRequeued, match="dead letter 3 is no command"):
        requeue([3], body=body)
    body.write_bytes(COMMAND)
    with pytest.raises(NotRequeued, match="commissionId has the wrong type"):
        requeue([1], body=body)
    with pytest.raises(Failed, match="give one number"):
        requeue([1, 3], body=body)
    with pytest.raises(Failed, match="No such file"):
        requeue([1], body=tmp_path / "missing.json")
