"""What a run keeps and reads does not grow with its length."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Engine, event, insert

from db import notification_queries
from db.engine import READ
from db.tables import notification
from domain import clock
from domain.message import verbatim
from scenarios import journal, process, sampler
from scenarios.model import Moment, Sample
from scenarios.trial import Trial
from settings import Settings
from tests.builders import AT

US = timedelta(microseconds=1)


def test_a_long_run_is_sampled_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "MAX_SAMPLES", 8)
    pauses: list[float] = []
    trial = SimpleNamespace(samples=[])
    trial.sample = lambda: trial.samples.append(Sample(sum(pauses), 0, 0, 0))

    class Clock(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0.0)
            return len(pauses) > 100

    entered = sampler.Sampler(cast(Trial, trial))
    entered._stop = Clock()
    entered._run()
    kept = [each.at for each in trial.samples]
    assert len(kept) <= 8
    # The last one is taken at the end of the run, whenever that is.
    assert {later - earlier for earlier, later in pairwise([0.0, *kept[:-1]])} == {pauses[-1]}


def test_a_result_keeps_the_beginning_and_the_end_of_a_long_timeline() -> None:
    few = [Moment(at, "fault", str(at)) for at in range(process.MAX_MOMENTS)]
    assert process.shorten_timeline(few) == tuple(few)
    many = [Moment(at, "fault", str(at)) for at in range(5 * process.MAX_MOMENTS)]
    kept = process.shorten_timeline(many)
    assert (kept[0], kept[-1], len(kept)) == (many[0], many[-1], process.MAX_MOMENTS + 1)
    assert "8000 entries are omitted" in kept[process.MAX_MOMENTS // 2].text


def test_who_follows_a_timeline_reads_each_entry_once(engine: Engine, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    log = journal.Journal(settings, engine, "run")
    timeline = journal.Timeline(settings, "run")
    log.say("note", verbatim("one"))
    log._file.write('{"at": 2.0, "kind": "note"')  # not whole yet
    log._file.flush()
    assert [moment.text for moment in timeline.read_new()] == ["one"]
    assert timeline.read_new() == []
    log._file.write(', "text": "two", "data": {}}\n')
    log._file.flush()
    assert [moment.text for moment in timeline.read_new()] == ["two"]
    assert [moment.text for moment in journal.read_timeline(settings, "run")] == ["one", "two"]
    log.close()
    with pytest.raises(journal.UnknownRun):
        journal.Timeline(settings, "other").read_new()


def test_recoveries_of_all_faults_are_read_in_one_pass(engine: Engine) -> None:
    # (occurred, notified) in microseconds after AT; the fourth was waiting for the second to be dealt with.
    with engine.begin() as connection:
        for number, (occurred, notified) in enumerate([(0, 5), (10, 90), (20, 30), (40, 95), (60, 70)], 1):
            row: dict[str, Any] = {
                "seq": number,
                "event_id": f"e{number}",
                "commission_id": "c",
                "aggregate_version": number,
                "type": "t",
                "payload": {},
                "correlation_id": "run",
                "consumer": "n",
                "occurred_at": AT + occurred * US,
                "notified_at": AT + notified * US,
            }
            connection.execute(insert(notification), row)
    began = clock.epoch_us(AT)
    moments = [began - 1, began, began + 15, began + 45, began + 100]
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    with engine.connect().execution_options(**READ) as connection:
        found = notification_queries.notified_around(connection, "run", moments)
        assert [found[moment] - began for moment in moments] == [5, 90, 90, 95, 95]
        assert notification_queries.notified_around(connection, "other", moments) == dict.fromkeys(moments, 0)
        assert notification_queries.notified_among(connection, {"e1", "e5", "unknown"}) == {"e1", "e5"}
    assert sum(statement.startswith("SELECT") for statement in statements) == 3
