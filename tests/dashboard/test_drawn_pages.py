"""Test what each page draws of an instance without processes, and what its controls do; the HTML is caught on its way."""

from __future__ import annotations

import time
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import access, i18n, permalinks, resources
from dashboard.components import (
    command_form,
    diagram_card,
)
from dashboard.screens import guide, latency, live, trace
from dashboard.site import PAGES
from dashboard.view_models.tour import STEPS
from domain.message import Message
from settings import Settings
from stacks.part_health import PartHealth
from tests.clocks import patch_time
from tests.dashboard.controls_walk import PAGE, drawn

pytestmark = pytest.mark.usefixtures("english")


# The frame.


def test_every_page_is_drawn_inside_the_frame_with_what_is_down(served: Settings, shown: dict[str, str]) -> None:
    for spec in PAGES:
        shown.clear()
        app = drawn(spec.path)
        assert not app.error, spec.path
        assert spec.title in shown["header"]
        assert "killed on purpose" in shown["troubles"]


def test_the_browsers_language_is_taken_until_the_visitor_chooses(served: Settings, shown: dict[str, str]) -> None:
    app = AppTest.from_file(PAGE, default_timeout=60)
    app.run()
    assert (app.session_state["language"], "lang" in app.query_params) == ("en", False)
    app.query_params["lang"] = "es"
    app.run()
    assert (app.session_state["language"], app.session_state["language_chosen"]) == ("es", True)


def test_a_link_to_a_trace_keeps_the_visitors_language(monkeypatch: pytest.MonkeyPatch) -> None:
    switched: list[Any] = []
    monkeypatch.setattr("dashboard.permalinks.st.session_state", {"pages": {"trace": "the page"}})
    monkeypatch.setattr(
        "dashboard.permalinks.st.switch_page", lambda page, query_params: switched.append((page, query_params))
    )
    i18n.use(lambda: ("es", None))
    permalinks.open_trace("e-1")
    assert switched == [("the page", {"id": "e-1", "lang": "es"})]


# Live and its forms.


def test_live_shows_the_rows_of_the_database_and_the_path(served: Settings, shown: dict[str, str]) -> None:
    drawn(live.PAGE.path)
    assert "CommissionCalculated" in shown["database"]
    assert "<svg" in shown["diagram"]
    assert "committed" in shown["strip"]
    assert {"answer-calculate", "answer-approve"} <= shown.keys()


def test_a_calculation_is_answered_and_the_next_one_has_another_conversion(
    served: Settings, shown: dict[str, str]
) -> None:
    app = drawn(live.PAGE.path)
    before = app.session_state["conversion"]
    app.text_input(key="gross").set_value("10.00")
    next(each for each in app.button if each.label == "Calculate").click().run()
    answer = app.session_state["answer"]
    assert (answer.result.conversion_id, answer.result.changed) == (before, True)
    assert app.session_state["conversion"] != before
    assert "Committed in" in shown["answer-calculate"]
    next(each for each in app.button if each.label == "Send again (duplicate)").click().run()
    assert app.session_state["answer"].refusal is not None
    assert "Refused" in shown["answer-calculate"]


def test_a_refused_calculation_keeps_its_conversion_for_the_correction(served: Settings, shown: dict[str, str]) -> None:
    app = drawn(live.PAGE.path)
    before = app.session_state["conversion"]
    app.text_input(key="gross").set_value("none")
    next(each for each in app.button if each.label == "Calculate").click().run()
    assert app.session_state["answer"].result is None
    assert app.session_state["conversion"] == before


def test_where_commands_are_forbidden_no_form_is_drawn(
    served: Settings, shown: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "may", lambda _: False)
    assert command_form.show() == {}


def test_the_version_of_the_load_stands_still_while_nothing_runs(served: Settings) -> None:
    first = command_form.mark()
    assert command_form.mark() == first == ("idle", 0)


# The diagram.


def test_the_diagram_changes_with_what_was_read_and_each_second_of_an_outage(
    served: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert diagram_card.judge() in ("equal", "in_flight", "waiting", "differs", "unknown")
    first: Any = diagram_card.version()
    assert first[2] == resources.refresher().health.version  # components are down
    healthy = type(resources.refresher().health)(
        version=9, parts=(PartHealth("broker", "ok", Message("health.answers")),)
    )
    monkeypatch.setattr(type(resources.refresher()), "health", property(lambda _: healthy))
    second: Any = diagram_card.version()
    assert second[2] == 0


# Trace.


def test_an_id_leads_to_the_whole_path_of_its_event(served: Settings, shown: dict[str, str]) -> None:
    app = drawn(trace.PAGE.path)
    assert "walked" not in str(shown)
    app.text_input(key="trace_search").set_value("walked").run()
    assert any("CommissionCalculated" in header.value for header in app.header)
    forms = [html for key, html in shown.items() if key.startswith("thing-")]
    assert len(forms) == 6
    assert any("walked" in html for html in forms)


def test_an_id_of_nothing_is_said(served: Settings, shown: dict[str, str]) -> None:
    app = drawn(trace.PAGE.path)
    app.text_input(key="trace_search").set_value("no-such-id").run()
    assert "has this id" in shown["trace_nothing"]


# Latency.


def test_without_notified_events_each_card_says_what_is_missing(served: Settings, shown: dict[str, str]) -> None:
    drawn(latency.PAGE.path)
    assert "No event was notified yet" in shown["percentiles"]
    assert {"histogram_empty", "ecdf_empty", "rates_empty", "backlog_empty"} <= shown.keys()


def test_the_latency_page_is_not_drawn_more_often_than_allowed(
    served: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    patch_time(monkeypatch, "dashboard.screens.latency", monotonic=lambda: now[0])
    monkeypatch.setattr(latency, "_read_version", lambda: (now[0],))
    resources.last_drawings().clear()
    first = latency._version()
    now[0] += latency.REDRAW_S / 2
    assert latency._version() == first
    now[0] += latency.REDRAW_S
    assert latency._version() != first
    resources.last_drawings().clear()


# The guide.


def test_the_guide_shows_ten_steps_with_the_first_one_next(served: Settings, shown: dict[str, str]) -> None:
    app = drawn(guide.PAGE.path)
    assert [key for key in shown if key.startswith("step-")] == [f"step-{name}" for name in STEPS]
    assert sum("next" in shown[f"step-{name}"] for name in STEPS) == 1
    assert float(app.query_params["since"]) == pytest.approx(app.session_state["tour_since"], abs=1)


@pytest.mark.parametrize(
    ("since", "kept"), [("", False), ("x", False), ("1", False), pytest.param(str(time.time() - 60), True, id="recent")]
)
def test_only_a_recent_time_in_the_url_continues_a_tour(
    served: Settings, monkeypatch: pytest.MonkeyPatch, since: str, kept: bool
) -> None:
    monkeypatch.setattr("dashboard.screens.guide.st.query_params", {"since": since})
    assert (guide._since_in_url() is not None) is kept
