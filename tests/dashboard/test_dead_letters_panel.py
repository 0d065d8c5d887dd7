"""The dead letters of the operations page: their causes in words, and how many wait to be requeued."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import get_args

import pytest

from connectors import envelope
from dashboard.components import operating
from dashboard.view_models import words
from db.dead_letter_queries import DeadLetterRow
from stacks.dead_letters import PREVIOUS, find_attempts
from workers import policy

CHAIN = {2: {}, 4: {}, 5: {PREVIOUS: "2"}, 9: {PREVIOUS: "5"}}


def letter(reason: str) -> DeadLetterRow:
    at = datetime(2026, 1, 2)
    return DeadLetterRow(1, "t", "m", None, b"{}", {}, None, None, reason, "", 5, at, None)


def test_dead_letters_are_counted_by_cause_in_words_and_those_requeued_are_not_pending() -> None:
    pending, requeued = letter("failed_too_often"), replace(letter("another_table"), requeued_at=datetime(2026, 1, 1))
    html = str(operating.causes((pending, requeued, pending, letter("<new>"))))
    assert "failed at every attempt: 2 · &lt;new&gt;: 1" in html
    assert "another table" not in html
    assert operating.causes((requeued,)) == ""


def test_a_discarded_dead_letter_is_not_pending_and_shows_its_note_and_its_time() -> None:
    at = datetime(2026, 1, 1, 10, 20, 30)
    discarded = replace(letter("failed_too_often"), discarded_at=at, discard_note="<sent by hand>")
    assert operating.causes((discarded,)) == ""
    assert "discarded at 10:20:30" in operating.letters([discarded], None, "UTC")
    assert "&lt;sent by hand&gt;" in operating.letter(discarded)


def test_the_attempts_of_a_message_are_shown_in_their_order() -> None:
    rows = [replace(letter("x"), seq=seq, properties=names) for seq, names in CHAIN.items()]
    assert [find_attempts(rows, seq) for seq in (2, 5, 9, 4)] == [[2, 5, 9], [2, 5, 9], [2, 5, 9], [4]]
    text = re.sub("<[^>]*>", "", operating.letter(rows[1], [2, 5, 9]))
    assert "#2 → #5 → #9" in text


@pytest.mark.parametrize("forged", ["5", "6", "-1", "many", "", "9" * 40])
def test_a_forged_attempt_makes_no_circle(forged: str) -> None:
    rows = [replace(letter("x"), seq=5, properties={PREVIOUS: forged})]
    assert find_attempts(rows, 5) == [5]


def test_every_reason_of_a_dead_letter_in_the_code_has_words() -> None:
    given = {
        *get_args(envelope.Reason),
        *(getattr(policy, name) for name in ("FAILED_TOO_OFTEN", "KILLED_WORKER", "BAD_DATA")),
    }
    assert all(words.dead_letter_reason(code) != code for code in given)
