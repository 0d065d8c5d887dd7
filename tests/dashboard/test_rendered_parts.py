"""Test the pure functions that render answers, traces, tables, figures and the other ways to do the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from dashboard.components import answers, charts, operating, waterfall
from dashboard.components.answers import answer
from dashboard.components.json_view import MOST_CHARACTERS
from dashboard.screens import guide, latency
from dashboard.view_models import tour
from dashboard.view_models.commands import Answer
from dashboard.view_models.faults import FaultWindow
from dashboard.view_models.latencies import LEAST_MS, Rate
from dashboard.view_models.snapshot import DatabaseState, Timed
from dashboard.view_models.tracing import Step, Trace
from db.dead_letter_queries import DeadLetterRow
from db.queries import OutboxRow
from domain.change import CommissionResult
from domain.errors import DuplicateConversion
from domain.message import Message, verbatim
from stacks.jobs import Job
from stacks.source_control import SourceReport
from stacks.topics import SubscriptionReport, TopicReport
from tests.clocks import patch_time

AT = datetime(2026, 1, 2, 12, 0, 0)
HOSTILE = "<script>alert(1)</script>"


# Answers.

RESULT = CommissionResult("c-1", "v-1", "CALCULATED", Decimal("12.05"), "USD", Decimal("0.1"), 1, True, ("e-1",))


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        (None, "soft", "appears here"),
        (Answer(None, unknown=True), "outage", "Whether it was written is not known"),
        (Answer(None, outage=Message("database.read_only")), "outage", "Not written"),
        (Answer(None, refusal=DuplicateConversion("v-1", "c-1")), "refused", "nothing was written"),
        (Answer(replace(RESULT, changed=False)), "refused", "it was approved already"),
        (Answer(RESULT, ms=1.5), "answer", "one transaction"),
    ],
)
def test_each_kind_of_answer_looks_and_reads_differently(given: Answer | None, kind: str, says: str) -> None:
    html = answer(given, DatabaseState())
    assert f'"{kind}' in html or f" {kind}" in html
    assert says in html


def test_an_amount_has_the_decimals_of_its_currency() -> None:
    assert "12.05 USD (10.0 %)" in answer(Answer(RESULT), DatabaseState())
    yen = replace(RESULT, amount=Decimal(1205), currency="JPY")
    assert "1,205 JPY" in answer(Answer(yen), DatabaseState())


def test_an_answer_follows_its_event_until_it_is_notified() -> None:
    timed = Timed("e-1", 1, "t", "c-1", "r", {"occurred": 1_000_000, "persisted": 1_020_000})
    assert "in flight" in answer(Answer(RESULT), DatabaseState())
    assert "Notified after 20" in answer(Answer(RESULT), DatabaseState(timed=(timed,)))
    untimed = replace(timed, hops={"persisted": 1})
    assert ">Notified<" in answer(Answer(RESULT), DatabaseState(timed=(untimed,)))
    assert "in flight" in answer(Answer(RESULT), DatabaseState(timed=(replace(timed, event_id="e-2"),)))


def test_what_a_database_says_is_escaped() -> None:
    assert HOSTILE not in answer(Answer(None, outage=verbatim(HOSTILE)), DatabaseState())
    assert answers.answer(Answer(None, outage=verbatim(HOSTILE)), DatabaseState()).count("&lt;script") == 1


# Traces.

EVENT = OutboxRow(7, "e-1", "c-1", 1, "CommissionCalculated", 1, {"note": HOSTILE}, "run", AT)


def test_bars_lie_in_the_drawing_and_a_negative_one_is_told_apart() -> None:
    steps = (Step("occurred", "committed", 0.0, 4.0, 0.001), Step("committed", "captured", 4.0, -1.0, 1.0))
    html = waterfall.waterfall(Trace(EVENT, steps=steps))
    assert "left:min(0.00%, 100% - 2px);width:100.00%" in html
    assert "left:min(75.00%, 100% - 2px);width:25.00%" in html
    assert html.count('class="bar negative"') == 1
    assert "clock resolution 1.00 ms" in html


def test_a_trace_without_a_measured_hop_says_so() -> None:
    assert "No hop of this event was measured yet" in waterfall.waterfall(Trace(EVENT))


def test_every_form_of_the_event_is_there_or_said_to_be_missing() -> None:
    things = waterfall.list_forms(Trace(EVENT), "UTC")
    assert [title[:1] for title, _, _ in things] == ["1", "2", "3", "4", "5", "6"]
    assert "2026" in things[1][2] or "12:00:00" in things[1][2]
    assert all("not" in html.lower() for _, _, html in (things[0], things[2], things[3], things[4], things[5]))
    assert all(HOSTILE not in html for _, _, html in things)


def test_a_hop_that_the_page_does_not_know_keeps_its_name() -> None:
    assert waterfall.hop_name("persisted") == "persisted"
    assert waterfall.hop_label("received→elsewhere") == "received → elsewhere"


# Figures.


def test_a_histogram_has_as_many_bars_for_each_power_of_ten() -> None:
    (bars,) = charts.histogram([10.0, 10.1, 99.0, 0.0, -5.0]).data
    assert sum(bars.y) == 5
    assert bars.customdata[0][1] / bars.customdata[0][0] == pytest.approx(10 ** (1 / charts.BARS_A_DECADE))
    low = min(edges[0] for edges in bars.customdata)
    assert low <= LEAST_MS  # what is zero or less has a bar too


def test_an_ecdf_ends_at_the_slowest_event_however_many_there_are() -> None:
    (line,) = charts.ecdf([float(number) for number in range(1, 9001)]).data
    assert (line.x[-1], line.y[-1]) == (9000, 1.0)
    assert len(line.x) < 3000
    assert list(line.y) == sorted(line.y)


def test_times_are_drawn_in_the_visitors_zone() -> None:
    rates = [Rate(0.0, 1.0, 2.0, 3), Rate(1.0, 1.0, 2.0, 3)]
    committed, notified = charts.rates(rates, (), "America/Bogota").data
    assert committed.x[0] == datetime(1969, 12, 31, 19, 0)
    assert (list(committed.y), list(notified.y)) == ([1.0, 1.0], [2.0, 2.0])
    assert list(charts.backlog(rates, (), "UTC").data[0].y) == [3, 3]


def test_faults_are_shaded_and_named_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    patch_time(monkeypatch, "dashboard.components.charts", time=lambda: 1000.0)
    rates = [Rate(900.0, 1.0, 1.0, 0), Rate(1000.0, 1.0, 1.0, 0)]
    windows = [
        FaultWindow("broker", "kill", 10.0, 20.0),  # before what is drawn
        FaultWindow("broker", "kill", 920.0, 921.0),
        FaultWindow("broker", "kill", 922.0, 923.0),  # its name would cover the first one's
        FaultWindow("broker", "kill", 990.0, None),
    ]
    figure = charts.rates(rates, windows, "UTC")
    assert len(figure.layout.shapes) == 3
    names = [note.text for note in figure.layout.annotations]
    assert [bool(name) for name in names] == [True, False, True]


def test_the_camera_saves_under_the_charts_name_and_shares_nothing() -> None:
    first, second = charts.config("rates"), charts.config("backlog")
    assert first["toImageButtonOptions"]["filename"] == "alpes-rates"
    assert second["toImageButtonOptions"]["filename"] == "alpes-backlog"


# Operations.


def test_a_source_that_failed_shows_its_error_and_what_was_asked_for() -> None:
    report = SourceReport("s", True, False, "stopped", HOSTILE, 5, 4, 1, 2, "t", "c")
    html = operating.source(report, None, 2)
    assert "does not run" in html
    assert "2 outbox rows not seen" in html
    assert HOSTILE not in html
    assert "cannot be read now" in operating.source(report, Message("page.no_answer"), None)


def test_a_topic_has_a_row_for_each_subscription() -> None:
    subscriptions = [SubscriptionReport("a", "Exclusive", 3, 1), SubscriptionReport("b", "Shared", 0, 2)]
    found = [
        TopicReport("persistent://p/d/events", True, 9, 1, subscriptions),
        TopicReport("persistent://p/d/x", False, 0, 0),
    ]
    html = operating.topics(found, None, 4)
    assert html.count("<tr") == 4
    assert "<strong" in html
    assert "no admin REST" not in html
    observed = [replace(found[1], source="observer")]
    assert "Committed and not notified yet: 4." in operating.topics(observed, None, 4)
    assert "There is no topic yet" in operating.topics([], None, None)


def letter(**changes: Any) -> DeadLetterRow:
    values: dict[str, Any] = {
        "seq": 3,
        "topic": "persistent://p/d/events",
        "message_id": "(1,2)",
        "message_key": None,
        "payload": b"\xff" + HOSTILE.encode(),
        "properties": {"a": HOSTILE},
        "event_id": None,
        "correlation_id": None,
        "reason": "not_an_envelope",
        "detail": HOSTILE,
        "attempts": 1,
        "dead_lettered_at": AT,
        "requeued_at": None,
    }
    return DeadLetterRow(**{**values, **changes})


def test_a_dead_letter_is_shown_whole_and_harmless() -> None:
    html = operating.letter(letter())
    assert HOSTILE not in html
    assert "&lt;script" in html
    assert len(operating.letter(letter(payload=b"x" * 99_999))) < 10 * MOST_CHARACTERS


def test_the_list_marks_the_chosen_dead_letter_and_what_waits() -> None:
    html = operating.letters([letter(), letter(seq=4, requeued_at=AT)], 4, "UTC")
    assert html.count('class="picked"') == 1
    assert html.count(">waits<") == 1
    assert 'data_pick="3"' in html or 'data-pick="3"' in html


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (Job("reset", 1.0, 1, 3.5, 0), "after 2.5 s"),
        (Job("reset-all", 1.0, 1, 3.5, 1, "first\nthe disk is full\n"), "the disk is full"),
        (Job("reset", 1.0, 1, 3.5, None), "its process was ended"),
    ],
)
def test_a_reset_says_how_it_ended(job: Job, says: str) -> None:
    assert says in operating.job(job, "UTC")


# The guide and the latency page.


def test_a_step_of_the_tour_is_open_next_or_done() -> None:
    step = guide.Step("Kill the broker", "It dies.", "scenarios")
    assert ">6</span>" in guide._render_step(6, step, False, False)
    assert "next" in guide._render_step(6, step, False, True)
    done = guide._render_step(6, step, True, False)
    assert "✓" in done
    assert 'class="step done"' in done


def test_the_progress_counts_the_steps_and_praises_at_the_end_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.components.live_html.zone", lambda: "UTC")
    half = guide._render_progress(frozenset(tour.STEPS[:5]), 0.0, None)
    assert "5 of 10 steps done since 00:00:00" in half
    assert "nothing was lost" not in half
    whole = guide._render_progress(frozenset(tour.STEPS), 0.0, Message("page.no_answer"))
    assert "nothing was lost" in whole
    assert "The database is down" in whole


def test_the_guide_describes_every_step_and_names_the_page_on_which_it_is_done() -> None:
    steps = guide._steps()
    assert tuple(steps) == tour.STEPS
    assert {step.page for step in steps.values()} <= {"live", "trace", "scenarios", "operations", "latency"}


def test_timestamps_that_arrive_later_change_the_version_of_the_latency_page() -> None:
    first = Timed("e-1", 1, "t", "c", "r", {"occurred": 1})
    assert latency._count_timestamps([first]) == 1
    assert latency._count_timestamps([replace(first, hops={"occurred": 1, "persisted": 2})]) == 2
