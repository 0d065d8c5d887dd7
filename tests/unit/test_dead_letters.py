"""Test that each dead letter gets a row with as much of its message as the database accepts, and how much that was."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from connectors.broker import Received
from connectors.sending import MessageRefused
from db import dead_letter_queries
from db.engine import READ
from db.error_codes import Kind
from db.errors import DatabaseUnavailable, UnstorableData
from db.outbox import OutboxFeed
from domain import contract
from settings import Settings
from stacks import dead_letters as requeueing
from tests.builders import delivery
from tests.fakes import ListOutlet
from workers.dead_letters import OMITTED, DeadLetters
from workers.inbox import Inbox, Recorded
from workers.outcome import DeadLetter

WHY = DeadLetter("not_an_envelope", "why")


class Limited(Inbox):
    """A database that breaks the connection, or refuses, whenever a body is larger than it takes."""

    def __init__(self, engine: Engine, largest: int, error: Exception) -> None:
        super().__init__(engine, "test")
        self._largest = largest
        self._error = error

    def record_dead_letter(self, message: Received, *arguments: Any) -> Recorded:
        if len(message.value) > self._largest:
            raise self._error
        return super().record_dead_letter(message, *arguments)


def bury(inbox: Inbox, message: Received) -> dead_letter_queries.DeadLetterRow:
    waits: list[str] = []
    stop = threading.Event()

    def wait(reason: str) -> None:
        waits.append(reason)
        if len(waits) > 50:
            stop.set()

    assert DeadLetters(inbox, ListOutlet(), stop, wait).store_and_publish(message, None, WHY, 1), waits[-1]
    with inbox._engine.connect().execution_options(**READ) as connection:
        (row,) = dead_letter_queries.dead_letters(connection)
    inbox.close()
    return row


@pytest.mark.parametrize(
    "error",
    [DatabaseUnavailable("lost", Kind.LOST), UnstorableData("too large"), DatabaseUnavailable("?", Kind.UNKNOWN)],
)
def test_a_body_that_the_database_never_takes_is_left_out(engine: Engine, error: Exception) -> None:
    row = bury(Limited(engine, 1000, error), delivery(b"x" * 5000, 1))
    assert row.payload == b""
    assert "5000" in row.properties[OMITTED]


def test_a_row_waits_while_the_database_is_unavailable(engine: Engine) -> None:
    class Gone(Limited):
        def answers(self) -> bool:
            return False

    with pytest.raises(AssertionError, match="lost"):
        bury(Gone(engine, 1000, DatabaseUnavailable("lost", Kind.LOST)), delivery(b"x" * 5000, 1))


def requeued(row: dead_letter_queries.DeadLetterRow, engine: Engine) -> bytes:
    return requeueing._make_message(Settings(), OutboxFeed(engine), row)[2]


@pytest.mark.parametrize("size", [0, 1, contract.MESSAGE_BYTES, contract.MESSAGE_BYTES + 1])
def test_only_a_body_that_was_kept_whole_is_requeued(engine: Engine, size: int) -> None:
    body = b"x" * size
    row = bury(Inbox(engine, "test"), delivery(body, 1))
    if row.payload == body:
        assert OMITTED not in row.properties
        assert requeued(row, engine) == body
    else:
        with pytest.raises(MessageRefused, match="only a part of its body was kept"):
            requeued(row, engine)


def test_a_property_of_the_producer_does_not_hide_what_was_left_out(engine: Engine) -> None:
    message = replace(delivery(b"x" * 5000, 1), properties={"a": "b"})
    assert OMITTED in bury(Limited(engine, 10, UnstorableData("too large")), message).properties
