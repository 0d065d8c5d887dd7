"""Scenarios, incidents and the tour, as view models: no page and no running stack."""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from application import Application, leases
from application.leases import Window
from dashboard import i18n
from dashboard.components import incident_list, run_panel, scenario_card
from dashboard.view_models import faults, runs, scenario_words, tour, words
from dashboard.view_models.actions import Actions
from dashboard.view_models.background import Background
from dashboard.view_models.incidents import Incident
from dashboard.view_models.reconciling import Counts
from dashboard.view_models.tour import TourFacts
from db.queries import OutboxRow
from domain.message import Message, verbatim
from scenarios import invariants, journal
from scenarios.catalogue import find, scenarios
from scenarios.chaos import chaos
from scenarios.journal import Run
from scenarios.model import Check, Moment, Result
from scenarios.waiting import until
from settings import Settings
from tests.histories import example
from tests.results import result_of

SINCE = 1_800_000_000.0


@pytest.fixture
def spanish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_resolve", lambda: ("es", "es-CO"))


def test_chaos_says_of_itself_what_the_catalogues_have() -> None:
    made, (quality, hypothesis, breaks) = chaos(3), scenario_words.CHAOS
    assert (made.quality, made.hypothesis, made.breaks) == (quality, hypothesis, breaks.format(minutes="3"))


def test_checks_verdicts_and_timeline_are_told_in_spanish(spanish: None) -> None:
    lost, none_lost = Message("detail.lost", n=3), Message("detail.lost", n=0)
    name, holds = Message("property.nothing_lost"), Message("check.holds")
    line = Message("check.line_with_detail", name=name, how=holds, detail=none_lost)
    assert words.translate(line) == "nada perdido: se cumple (0 perdidos)"
    assert (
        words.translate(Message("confirm.process_dead", pid=71, part="broker")) == "el proceso 71 de broker está muerto"
    )
    held = Message("verdict.line", verdict="PASS", reason=Message("verdict.held", n=7))
    assert words.translate(held).startswith("PASS: los 7 invariantes")
    confirmed, measured = Check.of(Message("confirm.backlog_rose"), True), Message("invariant.measured")
    broken = [Check.of(name, False, lost), Check.of(measured, False, Message("detail.events", n=0))]
    reason = invariants.verdict([confirmed], broken)[1]
    assert words.translate(reason) == "nada perdido: 3 perdidos; la muestra no está vacía: 0 eventos"
    assert words.translate(Message("run.started", hypothesis=find("replay").hypothesis)).startswith(
        "Leer todos los eventos"
    )
    assert words.translate(Moment(1.0, "note", "what nobody has heard of").get_message()) == "what nobody has heard of"


def test_a_record_of_an_older_version_is_shown_as_it_is(spanish: None) -> None:
    old = Check("nothing lost", False, "3 lost")
    assert (words.translate(old.get_message()), words.translate(invariants.verdict([], [old])[1])) == (
        "nothing lost",
        "nothing lost: 3 lost",
    )


def test_a_card_is_in_the_readers_language_and_says_why_it_cannot_run(spanish: None) -> None:
    scenario = find("kill-database")
    reason = runs.hindrance(scenario, Settings(), busy=False, down=())
    assert reason == "other_stack"
    html = scenario_card.row(scenario, None, scenario_card.why_not(reason, scenario), None)
    assert "nunca ejecutado" in html
    assert "los comandos confirmados sobreviven" in html
    assert "Solo corre en el stack native / compose" in html
    native = Settings(stack="native")
    assert runs.hindrance(scenario, native, busy=True, down=()) == "busy"
    assert runs.hindrance(scenario, native, busy=False, down=("broker",)) == "ill"
    assert runs.hindrance(scenario, native, busy=False, down=()) is None
    assert all(f">{name}<" not in html for name in scenarios() if name != scenario.name)


def test_a_timeline_shows_the_seconds_since_the_start_and_escapes_what_it_says() -> None:
    moments = [Moment(100.0, "started", "begin"), Moment(101.5, "fault", "<b>SIGKILL</b>")]
    html = run_panel.timeline(moments, "UTC", newest_first=True)
    assert html.index("+1.50 s") < html.index("+0.00 s")
    assert "&lt;b&gt;SIGKILL" in html


def counted(committed: int, notified: int, duplicates: int = 0) -> Counts:
    return Counts(committed, notified, notified, notified, duplicates=duplicates)


def test_an_incident_says_that_nothing_was_lost_only_once_it_was_counted() -> None:
    made = Incident(1, "broker", "kill", 15.0, 100.0, before=counted(10, 10))
    assert "nothing lost" not in incident_list.incidents([made], "UTC")
    made = replace(made, down_at=100.1, back_at=115.6, back=counted(14, 10))
    assert made.meanwhile == 4
    assert "nothing lost" not in incident_list.incidents([made], "UTC")
    made = replace(made, arrived_at=116.0, after=counted(14, 14, duplicates=2), over=True)
    html = incident_list.incidents([made], "UTC")
    assert "nothing lost: all 14 committed events" in html
    assert "4 events were committed meanwhile" in html
    assert "2 messages were delivered twice" in html


def test_an_incident_that_failed_says_why() -> None:
    made = Incident(1, "broker", "kill", 0, 100.0, problem=Message("incident.events_missing", s=120), over=True)
    assert "events are missing after 120 s" in incident_list.incidents([made], "UTC")


def test_an_action_tells_its_end_and_one_of_a_kind_runs_at_a_time() -> None:
    actions, go = Actions(), threading.Event()
    assert actions.start("source", "restart", lambda: go.wait(10))
    assert not actions.start("source", "stop", lambda: None)
    assert actions.running("source")
    go.set()
    until(lambda: not actions.running("source"), 5, "the action ended")

    def fails() -> None:
        raise RuntimeError("no such source")

    assert actions.start("source", "stop", fails)
    until(lambda: not actions.running("source"), 5, "the action ended")
    last = actions.last("source")
    assert last is not None
    assert (last.name, last.problem) == ("stop", verbatim("no such source"))


def test_a_background_read_that_fails_keeps_the_last_value_and_says_why() -> None:
    answers: list[object] = [1, RuntimeError("away"), 2]

    def read() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return int(str(answer))

    reader = Background("test", read, 60)
    reader.step()
    reader.step()
    assert (reader._state.value, reader._state.problem) == (1, verbatim("away"))
    reader.step()
    assert (reader._state.value, reader._state.problem, reader._state.version) == (2, None, 3)


def test_a_look_does_not_wait_for_a_read_that_hangs() -> None:
    go = threading.Event()
    reader = Background("hangs", lambda: go.wait(30), 60)
    began = time.monotonic()
    assert reader.look(0.05).version == 0
    assert time.monotonic() - began < 5
    go.set()
    until(lambda: reader.look().version > 0, 5, "the read came")
    reader.close()


def outbox(seq: int, at_s: float, type_: str = "CommissionCalculated") -> OutboxRow:
    at = datetime.fromtimestamp(SINCE + at_s, UTC).replace(tzinfo=None)
    return OutboxRow(seq, f"event-{seq}", "c", 1, type_, 1, {}, "corr", at)


def test_what_happened_before_the_tour_began_ticks_nothing() -> None:
    old = TourFacts(
        outbox=(outbox(1, -5), outbox(2, -4, "CommissionApproved")),
        notified=frozenset({"event-1", "event-2"}),
        traced=frozenset({"event-1"}),
        windows=(Window("broker", "kill", SINCE - 9, SINCE - 1),),
        runs=(run("finished", -100),),
        evidence=(SINCE - 1,),
    )
    assert tour.find_done(old, SINCE, SINCE + 60, refused_twice=False) == frozenset()


def run(state: str, at_s: float, name: str = "kill-broker", verdict: str | None = "PASS") -> Run:
    at = datetime.fromtimestamp(SINCE + at_s, UTC).replace(tzinfo=None)
    return Run("r", name, "embedded", 1, state, verdict, at, at + timedelta(seconds=5))


def test_the_steps_tick_one_after_the_other_as_they_happen() -> None:
    facts = TourFacts(outbox=(outbox(1, 1),), waiting=1)
    assert tour.find_done(facts, SINCE, SINCE + 2, False) == {"command"}
    facts = replace(facts, notified=frozenset({"event-1"}), traced=frozenset({"event-1"}), waiting=0)
    assert tour.find_done(facts, SINCE, SINCE + 3, True) == {"command", "arrives", "trace", "twice"}
    facts = replace(facts, windows=(Window("broker", "kill", SINCE + 10, SINCE + 25),))
    assert "kill" in tour.find_done(facts, SINCE, SINCE + 11, False)
    facts = replace(facts, outbox=(outbox(2, 12, "CommissionApproved"), *facts.outbox), waiting=1)
    now = tour.find_done(facts, SINCE, SINCE + 13, False)
    assert {"approve", "goes_on"} <= now
    assert "everything" not in now
    facts = replace(facts, waiting=0)
    assert "everything" not in tour.find_done(facts, SINCE, SINCE + 14, False), "the broker is still held down"
    assert "everything" in tour.find_done(facts, SINCE, SINCE + 26, False)
    facts = replace(facts, runs=(run("finished", 30),), evidence=(SINCE + 40,))
    assert tour.find_next(tour.find_done(facts, SINCE, SINCE + 41, True)) is None


def test_another_parts_death_and_a_stopped_run_tick_nothing() -> None:
    facts = TourFacts(windows=(Window("relay", "kill", SINCE + 1, SINCE + 2),), runs=(run("stopped", 3, verdict=None),))
    assert tour.find_done(facts, SINCE, SINCE + 9, False) == frozenset()


def test_fault_windows_come_from_the_history_of_leases_and_from_runs(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    leases.grant(settings, "broker", "kill", 60)
    leases.release(settings, "broker")
    leases.grant(settings, "notifications", "slow", 0)
    folder = settings.data / "scenarios" / "one"
    folder.mkdir(parents=True)
    windows = [
        {"part": "relay", "fault": "lost offsets", "started_at": time.time() - 20, "ended_at": time.time() - 19},
        {"part": "broker", "fault": "kill", "started_at": time.time() - 30, "ended_at": time.time() - 25},
    ]
    (folder / "result.json").write_text(json.dumps({"windows": windows}))
    told = faults.PastFaults(settings).read(time.time() - 3600)
    # The run's own kill was a lease too, and is not told twice.
    assert [(one.part, one.fault) for one in told] == [
        ("relay", "lost offsets"),
        ("broker", "kill"),
        ("notifications", "slow"),
    ]
    history = faults.FaultHistory()
    history.note({}, {"broker": "down"}, time.time(), told)
    assert [window.ended_at is None for window in history.windows()] == [False, True, False]
    history.note({}, {"broker": "ok"}, time.time(), told)
    assert all(window.ended_at for window in history.windows())
    assert len(history.windows()) == 3


@pytest.mark.parametrize(("read_only", "kept"), [(False, True), (True, False)])
def test_evidence_that_is_taken_is_kept_where_that_is_allowed(tmp_path: Path, read_only: bool, kept: bool) -> None:
    settings = Settings(home=tmp_path, read_only=read_only)
    reader = runs.RunsReader(settings, cast(Application, None))
    run_id = str(uuid.uuid4())
    visitor = i18n.Visitor("en", None, None)
    reader._evidence = {(run_id, visitor): b"<html>"}
    assert reader.take_evidence(cast(Result, SimpleNamespace(run_id=run_id)), visitor) == b"<html>"
    assert (journal.folder(settings, run_id) / "evidence.html").exists() is kept


def test_the_verdict_of_a_dual_write_says_what_was_lost_without_an_outbox() -> None:
    plain = result_of(example())
    loses = replace(plain, figures={"naive_committed": 200, "naive_lost": 96})
    assert "Without an outbox 96 of 200 events were lost, as expected." in run_panel.verdict_head(loses, "UTC")
    assert "Without an outbox" not in run_panel.verdict_head(plain, "UTC")
