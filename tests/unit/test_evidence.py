"""Test the evidence file: its conclusion first, in the reader's language, self-contained and small."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from dashboard import i18n
from dashboard.i18n import Visitor, date_time, speaking_to
from dashboard.view_models import scenario_words
from dashboard.view_models.runs import render_evidence
from domain.message import Message
from scenarios import evidence, run_figures
from scenarios.evidence_messages import EVIDENCE
from scenarios.model import FaultWindow, Moment, Result, Sample
from tests.histories import example
from tests.history_mutations import lose_message
from tests.results import result_of

START = 1_800_000_000.0
COLOMBIAN = Visitor("es", "es-CO", "America/Bogota")
AMERICAN = Visitor("en", "en-US", "America/Bogota")


def make_result(events: int = 3) -> Result:
    """Return the result of a run that killed the broker; each event took a second longer than the one before."""
    return replace(
        result_of(example()),
        recovery_s=1.25,
        windows=(FaultWindow("broker", "kill", START + 2, START + 5, 0.5, 1.25, Message("fault.kill")),),
        samples=tuple(Sample(START + n, n, n, n) for n in range(events)),
        points=tuple((START + n, 1000.0 * (n + 1)) for n in range(events)),
        figures={"commands_ms": 1234.5, "absorbed": 2000},
        timeline=(Moment.of(START, "started", Message("run.counting")),),
        versions={"database": "SQLite 3"},
    )


@pytest.mark.parametrize("visitor", [COLOMBIAN, AMERICAN])
def test_the_conclusion_comes_first(visitor: Visitor) -> None:
    page = render_evidence(make_result(), visitor).decode()
    with speaking_to(visitor):
        expected = ["PASS", *(scenario_words.count(name)[0] for name in evidence.MUST_BE_ZERO)]
    body = page.partition("<body>")[2]
    places = [body.index(text) for text in (*expected, "SQLite 3", "<svg")]
    assert places == sorted(places)


def test_it_is_written_in_the_readers_language_with_its_numbers_and_times() -> None:
    page = render_evidence(make_result(), COLOMBIAN).decode()
    assert '<html lang="es">' in page
    assert "15 de enero de 2027, 3:00:00" in page.replace("\u202f", " ")
    assert "1.234,50" in page
    assert "1,250 s" in page
    for english in ("Hypothesis", "Was the fault real", "Timeline", "Do it again", "distinct events", "broker: kill"):
        assert english not in page
    for spanish in ("Hipótesis", "¿Fue real la falla?", "Línea de tiempo", "eventos distintos", "segundos desde"):
        assert spanish in page
    page = render_evidence(make_result(), AMERICAN).decode()
    assert '<html lang="en">' in page
    assert "January 15, 2027" in page
    assert "1,234.50" in page


def test_the_command_line_writes_english_and_universal_time() -> None:
    page = evidence.render_html(make_result())
    assert '<html lang="en">' in page
    assert "2027-01-15 08:00:00 UTC" in page
    assert {text for text in _used_texts() if text.replace("'", "&#39;") not in page} == set()


def _used_texts() -> set[str]:
    """Return every text of the file but those that only a run without events, or one that failed, has."""
    return {text for code, text in EVIDENCE.items() if code not in ("evidence.none", "evidence.broken")}


def test_a_failed_run_and_a_run_without_events_have_the_other_texts() -> None:
    failed = result_of(lose_message(example(), lambda records: records[-1]).history)
    page = evidence.render_html(failed)
    assert EVIDENCE["evidence.broken"] in page
    assert EVIDENCE["evidence.none"] in page
    assert '<svg class="plot"' not in page
    assert re.search(r'<b class="bad">[1-9]', page)


def test_it_holds_no_script_and_loads_nothing() -> None:
    page = evidence.render_html(make_result())
    assert "<script" not in page
    assert not re.search(r"(src|href)=", page)
    assert "plotly" not in page


def test_it_is_readable_in_the_dark_and_on_a_telephone() -> None:
    page = evidence.render_html(make_result())
    assert "prefers-color-scheme: dark" in page
    assert 'content="width=device-width' in page


def test_the_evidence_of_a_long_run_is_below_a_megabyte() -> None:
    page = render_evidence(make_result(events=40_000), COLOMBIAN)
    assert len(page) < 1_000_000
    assert page.count(b'class="plot"') == 2


def test_a_fault_is_named_in_both_plots() -> None:
    page = render_evidence(make_result(), COLOMBIAN).decode()
    assert page.count('class="band"') == 2
    assert page.count("<title>kill: broker</title>") == 2


def test_a_visitor_is_addressed_in_this_thread_and_only_until_the_end() -> None:
    with speaking_to(COLOMBIAN):
        assert (i18n.language(), i18n.number(1.5, 1)) == ("es", "1,5")
        assert i18n.current_visitor("America/Bogota") == COLOMBIAN
    assert (i18n.language(), i18n.number(1.5, 1)) == ("en", "1.5")
    assert date_time(START).endswith("UTC")


def test_the_interactive_plots_show_the_same_values() -> None:
    result = make_result()
    (dots,) = run_figures.latency_figure(result).data
    assert list(dots.y) == [ms for _at, ms in result.points]
    progress = run_figures.progress_figure(result)
    assert [list(line.y) for line in progress.data] == [[0, 1, 2]] * 3
    (shape,) = progress.layout.shapes
    assert (shape.x0, shape.x1, shape.label.text) == (2, 5, "kill broker")
