"""A row is larger than a message that a broker accepts as it is installed."""

from __future__ import annotations

import base64
from contextlib import suppress

from sqlalchemy import func, select

from db.dead_letter_queries import DeadLetterRow
from db.engine import READ
from db.errors import translated
from db.tables import outbox_event
from domain.message import Message
from scenarios.model import Scenario
from scenarios.raw_rows import commit_raw_row
from scenarios.trial import Trial
from scenarios.waiting import TookTooLong
from stacks import dead_letters

ROW_BYTES = 6_000_000
"""Pulsar accepts 5 MiB unless it is told otherwise. MySQL accepts this row, and so does SQLite."""
NAMED_WITHIN_S = 20.0
NOTE = "the row of a scenario"


def experiment(trial: Trial) -> None:
    with trial.load() as load:
        event_id = _commit_row(trial)
        trial.say("fault", Message("injected.big_row", n=ROW_BYTES), part="database")
        trial.confirm(Message("confirm.big_row", n=ROW_BYTES), lambda: _count_bytes(trial, event_id) >= ROW_BYTES)
        with suppress(TookTooLong):  # the check reports it
            is_named = Message("awaited.big_row")
            trial.wait(lambda: _find_letter(trial, event_id) is not None, NAMED_WITHIN_S, is_named, 0.2)
        letter = _find_letter(trial, event_id)
        reason = Message("detail.nothing") if letter is None else Message("detail.reasons", reasons=letter.reason)
        trial.check(Message("check.big_row_dead_lettered"), letter is not None, reason)
        if letter is None:
            _say_what_holds_it_up(trial)
            return  # what stands still behind it is counted
        load.wait_for_more(40)
    trial.wait_until_notified(trial.acknowledged)
    dead_letters.discard(trial.settings, [letter.seq], NOTE)
    trial.wait_until_healthy()


def _say_what_holds_it_up(trial: Trial) -> None:
    parts = trial.ailing_components()
    if parts:
        trial.say("note", Message("run.held_up", parts=parts))


def _commit_row(trial: Trial) -> str:
    """Commit a row that no compression makes small, under a correlation id of its own: it is no event of the run."""
    text = base64.b64encode(trial.rng.randbytes(ROW_BYTES * 3 // 4)).decode()
    return commit_raw_row(trial, "big-row", {"of": trial.run_id, "text": text})


def _count_bytes(trial: Trial, event_id: str) -> int:
    query = select(func.length(outbox_event.c.payload)).where(outbox_event.c.id == event_id)
    with translated(), trial.application.engine.connect().execution_options(**READ) as connection:
        return connection.scalar(query) or 0


def _find_letter(trial: Trial, event_id: str) -> DeadLetterRow | None:
    return next((letter for letter in trial.dead_letters() if letter.event_id == event_id), None)


SCENARIO = Scenario(
    name="oversized-row",
    quality="Limits of sizes",
    hypothesis="A row that is larger than a usual broker's messages becomes a dead letter with its reason, and holds up nothing.",
    breaks=f"A row of {ROW_BYTES // 1_000_000} MB is committed among good ones.",
    experiment=experiment,
    takes_s=8,
    poisonous=True,
)
