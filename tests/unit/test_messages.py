"""A message is its code and its parameters: it is made only whole, stored beside its text, and read again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine

from connectors.admin import AdminRefused
from db.errors import DatabaseUnavailable, translated
from domain import message
from domain.errors import ExpectedError, InvalidField
from domain.message import Message, extract_message, from_json, verbatim
from domain.money import Currency, parse_gross
from scenarios import journal
from scenarios.model import Check, FaultWindow, Moment, with_messages
from scenarios.waiting import TookTooLong, until
from settings import Settings
from stacks import relay, status
from stacks.control import PartState
from stacks.part_health import check_worker
from stacks.relay import Relay

DEAD = Message("confirm.process_dead", pid=71, part="broker")
NESTED = Message(
    "verdict.unconfirmed", what=(DEAD, Message("run.fault_over", fault=Message("fault.kill"), part="broker"))
)


def test_its_text_is_the_english_template_with_its_parameters() -> None:
    assert str(DEAD) == "process 71 of broker is dead"
    assert str(NESTED) == "not confirmed: process 71 of broker is dead; the kill of broker is over"
    assert str(Message("detail.not_within", s=4.0)) == "not within 4 s"
    assert str(Message("detail.not_within", s=0.5)) == "not within 0.5 s"


def test_braces_in_a_parameter_are_no_places() -> None:
    assert str(verbatim("{n} {")) == "{n} {"


@pytest.mark.parametrize(("code", "params"), [("no.such", {}), ("detail.lost", {}), ("detail.lost", {"n": 1, "m": 2})])
def test_one_that_is_unknown_or_incomplete_cannot_be_made(code: str, params: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=code):
        Message(code, **params)


def test_no_code_is_registered_twice() -> None:
    with pytest.raises(ValueError, match=r"detail\.lost"):
        message.register({"detail.lost": "{n} gone"})
    assert message.registered()["detail.lost"] == "{n} lost"


@pytest.mark.parametrize("made", [DEAD, NESTED, Message("run.healthy"), Message("detail.medians", a=1.5, b=2)])
def test_what_is_stored_is_read_again(made: Message) -> None:
    assert from_json(json.loads(json.dumps(asdict(made)))) == from_json(asdict(made)) == made


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "x",
        {},
        {"code": "a newer one", "params": {}},
        {"code": "detail.lost", "params": {}},
        {"code": "detail.lost", "params": {"n": None}},
        {"code": "verdict.broken", "params": {"checks": [{"code": "a newer one", "params": {}}]}},
    ],
)
def test_what_this_version_does_not_know_is_no_message(stored: object) -> None:
    assert from_json(stored) is None


def test_an_error_says_its_message() -> None:
    error = ExpectedError(DEAD)
    assert str(error) == str(DEAD)
    assert extract_message(error) is DEAD
    assert extract_message(RuntimeError("away")) == verbatim("away")
    assert str(extract_message(RuntimeError())) == "RuntimeError"


def test_a_check_keeps_its_texts_beside_its_messages() -> None:
    made = Check.of(DEAD, False, Message("detail.lost", n=3))
    stored = json.loads(json.dumps(asdict(made)))
    assert (stored["name"], stored["detail"]) == ("process 71 of broker is dead", "3 lost")
    assert stored["message"] == {"code": "confirm.process_dead", "params": {"pid": 71, "part": "broker"}}
    assert Check(**with_messages(stored)) == made


def test_records_of_older_versions_say_their_text() -> None:
    check = Check(**with_messages({"name": "nothing lost", "ok": True, "detail": "0 lost"}))
    assert (check.get_message(), check.get_detail_message()) == (verbatim("nothing lost"), verbatim("0 lost"))
    assert Check("nothing lost", True).get_detail_message() is None
    assert FaultWindow("broker", "kill", 1.0, 2.0).get_message() == verbatim("kill")
    assert Moment(1.0, "note", "a text").get_message() == verbatim("a text")


def test_a_timeline_has_text_and_message_and_old_lines_are_read(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    log = journal.Journal(settings, create_engine("sqlite://"), "run")
    log.say("confirmed", DEAD, {"part": "broker"})
    log._file.write('{"at": 2.0, "kind": "note", "text": "of an older version", "data": {}}\n')
    log.close()
    first, second = journal.read_timeline(settings, "run")
    assert (first.text, first.message, first.data) == (str(DEAD), DEAD, {"part": "broker"})
    assert (second.text, second.message) == ("of an older version", None)


def test_health_is_a_message_and_its_english_is_the_detail(tmp_path: Path) -> None:
    health = check_worker(Settings(home=tmp_path), "audit")
    assert (health.light, health.message.code, health.detail) == ("down", "health.not_started", "has not started yet")


def test_the_relay_says_how_many_rows_are_parked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path)
    monkeypatch.setattr(relay, "read_lag", lambda *_: SimpleNamespace(parked=2))
    health = Relay(settings).check(create_engine("sqlite://"))
    assert health.message.code == "health.with_parked"
    parked = "2 outbox rows are parked: `./alpes dead-letters list` says why"
    assert health.detail == f"has not started yet; {parked}"


def test_the_status_has_text_and_message() -> None:
    message = Message("health.late", n=3, s=2.5)
    part = status._make_part_status("relay", "behind", message, None, {})
    assert (part.detail, asdict(part)["message"]) == (
        "3 events wait for it, the oldest for 2.5 s",
        {"code": "health.late", "params": {"n": 3, "s": 2.5}},
    )
    died = PartState("relay", "FATAL", 0, 0, "can't find command")
    part = status._make_part_status("relay", "down", None, died, {})
    assert (part.detail, part.message) == ("can't find command", verbatim("can't find command"))


def test_a_refused_field_says_why_by_code() -> None:
    with pytest.raises(InvalidField) as refused:
        parse_gross("1e30", Currency("USD", 2))
    assert refused.value.why.code == "field.decimal_such_as"
    with pytest.raises(InvalidField) as refused:
        parse_gross(10**15, Currency("USD", 2))
    assert (refused.value.why, refused.value.reason) == (
        Message("field.at_most", n=999_999_999_999_999),
        "must be at most 999999999999999",
    )
    assert str(refused.value) == "grossAmount: must be at most 999999999999999"
    assert extract_message(refused.value).params["why"] == refused.value.why


def test_a_failure_of_the_database_or_of_the_admin_says_its_message(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'absent' / 'a.db'}")
    with pytest.raises(DatabaseUnavailable) as away, translated(), engine.connect():
        pass
    assert extract_message(away.value) == Message("database.cannot_open")
    refused = AdminRefused(403, "no right")
    assert str(refused).startswith(
        "Pulsar's admin REST refused: no right (HTTP 403); the token's role lacks this right"
    )
    assert extract_message(refused).params["why"] == Message("admin.answer_403", reason="no right", status=403)


def test_a_wait_that_took_too_long_says_what_was_awaited() -> None:
    with pytest.raises(TookTooLong, match="the worker runs again: not within 0 s") as late:
        until(lambda: False, 0, Message("awaited.worker"))
    assert extract_message(late.value).params["what"] == Message("awaited.worker")
