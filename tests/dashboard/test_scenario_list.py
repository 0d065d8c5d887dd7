"""Test the list of scenarios, the steps of a run, and the notice of its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import insert
from sqlalchemy.engine import Engine

from dashboard import i18n
from dashboard.components import run_notice, run_stages, scenario_card, scenario_list
from dashboard.screens import scenarios as scenarios_page
from dashboard.view_models import scenario_words, stages
from dashboard.view_models.runs import RunsState
from db.engine import connect
from db.migrate import upgrade
from db.tables import scenario_run
from scenarios import journal
from scenarios.catalogue import find, scenarios
from scenarios.journal import Run
from scenarios.model import ATTRIBUTES, Moment
from settings import Settings
from tests.dashboard.controls_walk import drawn
from tests.dashboard.finding import run as run_script

AT = datetime(2026, 11, 27, 6, 30)


def make_run(verdict: str | None = "PASS", id_: str = "r-1", name: str = "kill-broker", at: datetime = AT) -> Run:
    return Run(id_, name, "embedded", 1, "finished" if verdict else "stopped", verdict, at, at)


@pytest.fixture
def spanish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_resolve", lambda: ("es", "es-CO"))


def test_a_row_has_the_last_verdict_with_its_time_or_says_that_there_is_none(spanish: None) -> None:
    html = scenario_card.row(find("kill-broker"), make_run("FAIL"), None, "America/Bogota")
    assert "FAIL" in html
    assert "27 de nov, 01:30" in html
    assert "unos 20 s" in html
    assert "nunca ejecutado" not in html
    assert "nunca ejecutado" in scenario_card.row(find("kill-broker"), None, None, None)


def test_details_say_what_a_run_breaks() -> None:
    details = scenario_card.details(find("kill-broker"))
    assert "SIGKILL of the broker" in details
    assert "Tolerance to external failure" in details
    assert "SIGKILL" not in scenario_card.row(find("kill-broker"), None, None, None)
    assert "For 2.5 min" in scenario_card.details(find("chaos", 2.5), 2.5)


def test_the_comparison_with_and_without_an_outbox_comes_first() -> None:
    assert ATTRIBUTES[0] == "outbox"
    assert [name for name, scenario in scenarios().items() if scenario.attribute == "outbox"] == ["dual-write"]


@pytest.mark.usefixtures("english")
def test_every_attribute_is_a_group_with_its_scenarios(served: Settings, shown: dict[str, str]) -> None:
    app = drawn(scenarios_page.PAGE.path)
    run_keys = [str(button.key) for button in app.button if str(button.key).startswith("run-")]
    ordered = sorted((*scenarios().values(), find("chaos")), key=lambda each: ATTRIBUTES.index(each.attribute))
    rows = [key for key in run_keys if key.removeprefix("run-") in {scenario.name for scenario in ordered}]
    assert rows == [f"run-{scenario.name}" for scenario in ordered]
    headings = [scenario_words.attribute(attribute) for attribute in ATTRIBUTES]
    assert [block for block in headings if not any(block in str(html.proto.body) for html in app.get("html"))] == []


def test_chaos_is_run_with_what_the_fields_hold_and_not_with_wrong_values() -> None:
    def check() -> None:
        import streamlit as st

        from dashboard.components import scenario_list

        st.session_state["chaos_seed"], st.session_state["chaos_minutes"] = 7, 2.0
        st.write(str(scenario_list._chaos_values()))
        st.session_state["chaos_minutes"] = 0.0
        st.write(str(scenario_list._chaos_values()))

    assert [each.value for each in run_script(check).markdown] == ["(7, 2.0)", "None"]
    assert scenario_list.SHORTEST_CHAOS_MIN > 0


@pytest.fixture
def engine(tmp_path: object) -> Iterator[Engine]:
    opened = connect(f"sqlite:///{tmp_path}/a.db")
    upgrade(opened)
    yield opened
    opened.dispose()


def test_the_last_verdict_is_of_this_stack_and_older_than_any_history(engine: Engine) -> None:
    rows = [
        ("a", "audit", "embedded", "FAIL", 1),
        ("b", "audit", "embedded", "PASS", 2),
        ("c", "audit", "embedded", None, 3),
        ("d", "audit", "native", "FAIL", 4),
        ("e", "replay", "embedded", "PASS", 5),
    ]
    with engine.begin() as connection:
        for id_, name, stack, verdict, minute in rows:
            values = {"id": id_, "name": name, "stack": stack, "verdict": verdict, "seed": 1, "state": "finished"}
            connection.execute(insert(scenario_run).values(**values, started_at=AT.replace(minute=minute)))
        last = journal.list_last_verdicts(connection, "embedded")
    assert {run.name: run.id for run in last} == {"audit": "b", "replay": "e"}


def timeline(*kinds: str) -> list[Moment]:
    """Return a timeline with an entry every two seconds."""
    return [
        Moment(100.0 + 2 * place, kind, kind, {"takes_s": 10} if kind == "started" else {})
        for place, kind in enumerate(kinds)
    ]


def states(progress: stages.Progress) -> list[str]:
    return [stage.state for stage in progress.stages]


def test_the_steps_follow_the_timeline() -> None:
    progress = stages.find_progress(timeline("started", "load", "fault", "confirmed"), 107.0)
    assert states(progress) == ["done", "current", "ahead", "ahead", "ahead"]
    assert [stage.took_s for stage in progress.stages] == [4.0, 3.0, None, None, None]
    assert (progress.elapsed_s, progress.remaining_s) == (7.0, 3.0)
    assert states(stages.find_progress([], 1.0)) == ["ahead"] * 5


def test_a_second_fault_is_the_stage_again_and_a_run_without_one_passes_it() -> None:
    again = stages.find_progress(timeline("started", "fault", "fault_end", "fault"), 107.0)
    assert states(again) == ["done", "current", "ahead", "ahead", "ahead"]
    without = stages.find_progress(timeline("started", "load", "counting"), 105.0)
    assert states(without) == ["done", "done", "done", "current", "ahead"]
    assert [stage.took_s for stage in without.stages] == [4.0, None, None, 1.0, None]


def test_steps_and_times_are_shown_in_the_readers_language(spanish: None) -> None:
    moments = timeline("started", "fault")
    progress = stages.find_progress(moments, 104.0)
    html = run_stages.stages(progress)
    assert html.count('aria-current="step"') == 1
    assert "Recuperación" in html
    assert run_stages.times(progress) == "en curso desde hace 4 s · faltan unos 6 s"
    overdue = run_stages.times(stages.find_progress(moments, 130.0))
    assert overdue == "en curso desde hace 30 s · un poco más de lo habitual"
    old = [Moment(100.0, "started", "x")]
    assert run_stages.times(stages.find_progress(old, 104.0)) == "en curso desde hace 4 s"


def test_the_notice_names_the_run_and_leads_to_it(spanish: None) -> None:
    assert run_notice.sentence(make_run()) == (
        "kill-broker terminó: PASS. [Abrir la ejecución](scenarios?run=r-1&lang=es)"
    )
    assert run_notice.sentence(make_run(None)).startswith("kill-broker se detuvo antes de su veredicto.")


def test_the_notice_is_for_runs_that_end_while_the_visitor_is_there() -> None:
    def visit() -> None:
        from dashboard.components import run_notice
        from dashboard.view_models.runs import RunsState
        from tests.dashboard.test_scenario_list import make_run

        run_notice.show(None)
        run_notice.show(RunsState(None, (make_run(id_="old"),)))
        run_notice.show(RunsState("r-2", (make_run(id_="old"),)))
        run_notice.show(RunsState(None, (make_run(id_="r-2", name="audit"), make_run(id_="old"))))

    assert [toast.value.partition(" ")[0] for toast in run_script(visit).toast] == ["audit"]


def test_the_notice_is_drawn_for_some_seconds_only() -> None:
    now = time.time()
    assert run_notice.is_shown(now - 1, now)
    assert not run_notice.is_shown(now - run_notice.SHOWN_FOR_S, now)
    assert not run_notice.is_shown(None, now)


def test_the_header_is_drawn_again_when_a_run_ends() -> None:
    before, after = RunsState(None, (make_run(None),)), RunsState(None, (make_run("PASS"),))
    assert hash(run_notice.version(before)) != hash(run_notice.version(after))
    assert run_notice.version(None) is None
