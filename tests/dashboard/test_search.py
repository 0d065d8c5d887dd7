"""What a text leads to: ids first, then names; the only id is opened without asking."""

from __future__ import annotations

from datetime import datetime

import pytest
import streamlit as st

from dashboard import resources
from dashboard.components import search_panel
from dashboard.view_models import search, tracing
from dashboard.view_models.search import Hit
from dashboard.view_models.tracing import Search
from db.queries import OutboxRow
from domain.message import Message
from scenarios.journal import Run

AT = datetime(2026, 1, 1)
NOTHING = Search()
RUN = Run("abcdef12-0000", "kill-broker", "embedded", 1, "finished", "PASS", AT, AT)
ROW = OutboxRow(1, "e", "c", 1, "CommissionCalculated", 1, {}, "r", AT)
PAGES = {"live": "Live", "scenarios": "Scenarios"}
NAMES = ("kill-broker", "kill-worker", "replay")


def find(text: str, found: Search = NOTHING) -> tuple[Hit, ...]:
    return search.find(text, PAGES, NAMES, (RUN,), lambda _: found)


def test_a_name_or_a_part_of_it_in_any_case_leads_to_scenarios_and_pages() -> None:
    assert [hit.name for hit in find("KILL")] == ["kill-broker", "kill-worker"]
    assert find("liv") == (Hit("page", "Live", "live"),)


@pytest.mark.parametrize("text", ["", "   ", "nothing"])
def test_what_is_nowhere_is_not_found(text: str) -> None:
    assert find(text) == ()


def test_a_run_is_found_by_the_beginning_of_its_id_and_opened() -> None:
    hits = find("abcdef1")
    assert search.choose_only_id(hits) == Hit("run", RUN.id, "scenarios", {"run": RUN.id})
    assert find("abc") == ()


@pytest.mark.parametrize("kind", ["event", "commission", "conversion", "correlation"])
def test_an_id_leads_to_its_trace_without_the_blanks_around_it(kind: search.Kind) -> None:
    hits = find("  9f  ", Search(kind, (ROW,)))  # type: ignore[arg-type]
    assert search.choose_only_id(hits) == Hit(kind, "9f", "trace", {"id": "9f"})


def test_several_hits_and_names_are_not_opened_without_asking() -> None:
    assert search.choose_only_id(find("replay")) is None
    assert search.choose_only_id(find("abcdef1", Search("event", (ROW,)))) is None
    assert len(search.find("", PAGES, NAMES * 9, (), lambda _: NOTHING)) == 0
    assert len(search.find("kill", PAGES, NAMES * 9, (), lambda _: NOTHING)) == search.MOST


def test_a_search_without_an_answer_of_the_database_finds_the_rest_and_keeps_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = Message("page.no_answer")
    monkeypatch.setattr(tracing, "find", lambda *_: Search(problem=problem))
    monkeypatch.setattr(resources, "application", lambda: None)
    assert search_panel.trace("9f") == Search(problem=problem)
    assert st.session_state["search_problem"] == problem
