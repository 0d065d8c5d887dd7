"""The dead letters of the operations page: their causes in words, and how many wait to be requeued."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import get_args

from connectors import envelope
from dashboard.components import operating
from dashboard.view_models import words
from db.dead_letter_queries import DeadLetterRow
from workers import policy


def letter(reason: str) -> DeadLetterRow:
    at = datetime(2026, 1, 2)
    return DeadLetterRow(1, "t", "m", None, b"{}", {}, None, None, reason, "", 5, at, None)


def test_dead_letters_are_counted_by_cause_in_words_and_those_requeued_are_not_pending() -> None:
    pending, requeued = letter("failed_too_often"), replace(letter("another_table"), requeued_at=datetime(2026, 1, 1))
    html = str(operating.causes((pending, requeued, pending, letter("<new>"))))
    assert "failed at every attempt: 2 · &lt;new&gt;: 1" in html
    assert "another table" not in html
    assert operating.causes((requeued,)) == ""


def test_every_reason_of_a_dead_letter_in_the_code_has_words() -> None:
    given = {
        *get_args(envelope.Reason),
        *(getattr(policy, name) for name in ("FAILED_TOO_OFTEN", "KILLED_WORKER", "BAD_DATA")),
    }
    assert all(words.dead_letter_reason(code) != code for code in given)
