"""Test the space-time diagram of a counter-example: lanes, order, texts that fit, a text alternative, and where it is shown."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import i18n
from dashboard.components import run_panel
from dashboard.view_models import words
from domain.message import verbatim
from scenarios import diagram, evidence
from scenarios.observations import PLACES, CounterExample, Observation
from tests.histories import example
from tests.history_mutations import MUTATIONS
from tests.results import result_of

ENGLISH = {place: str(place) for place in PLACES}
SVG = "{http://www.w3.org/2000/svg}"
LOST = result_of(MUTATIONS["nothing_lost"][0](example(), lambda records: records[-1]).history)


def drawn(counter_example: CounterExample) -> ElementTree.Element:
    return ElementTree.fromstring(diagram.draw_counter_example(counter_example, ENGLISH, "Counter-example", str))


def dots(drawing: ElementTree.Element) -> list[tuple[int, int]]:
    return [(int(dot.attrib["cx"]), int(dot.attrib["cy"])) for dot in drawing.iter(f"{SVG}circle")]


def found_in(result: Any) -> CounterExample:
    assert result.counter_example is not None
    return result.counter_example  # type: ignore[no-any-return]


def test_each_place_has_its_lane_and_time_goes_down() -> None:
    counter_example = found_in(LOST)
    drawing = drawn(counter_example)
    names = ["".join(text.itertext()) for text in drawing.iter(f"{SVG}text")][: len(PLACES)]
    assert names == list(PLACES)
    heights = [y for _, y in dots(drawing)]
    assert len(heights) == len(counter_example.events)
    assert heights == sorted(set(heights))
    lanes = [int(line.attrib["x1"]) for line in drawing.iter(f"{SVG}line")]
    assert lanes == sorted(set(lanes))
    assert [x for x, _ in dots(drawing)] == [lanes[PLACES.index(event.place)] for event in counter_example.events]


def test_what_is_missing_is_crossed_out() -> None:
    assert [event.missing for event in found_in(LOST).events][-1]
    assert len(list(drawn(found_in(LOST)).iter(f"{SVG}path"))) == 1


def test_the_text_alternative_says_every_observation_with_place_and_time() -> None:
    counter_example = found_in(LOST)
    drawing = drawn(counter_example)
    described = drawing.findtext(f"{SVG}desc") or ""
    assert drawing.findtext(f"{SVG}title") == "Counter-example"
    assert drawing.attrib["role"] == "img"
    assert drawing.attrib["aria-labelledby"].split() == [
        each.attrib["id"] for each in (*drawing.iter(f"{SVG}title"), *drawing.iter(f"{SVG}desc"))
    ]
    assert described.split("; ") == diagram.describe_counter_example(counter_example, ENGLISH, str)
    assert described.startswith("+0.000000 s database: ")
    assert described.endswith("– worker: no notification (e-2-1)")


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=120)
OBSERVATIONS = st.builds(
    lambda place, at, id_, text, missing: Observation(place, at, id_, text, None, missing),
    st.sampled_from(PLACES),
    st.none() | st.floats(0, 1e9),
    TEXTS,
    TEXTS,
    st.booleans(),
)


@given(st.lists(OBSERVATIONS, min_size=1, max_size=6))
def test_any_text_is_drawn_within_the_drawing(observations: list[Observation]) -> None:
    drawing = drawn(CounterExample("x", tuple(observations)))
    width, height = (int(number) for number in drawing.attrib["viewBox"].split()[2:])
    assert all(0 < x < width and 0 < y < height for x, y in dots(drawing))
    labels = list(drawing.iter(f"{SVG}text"))[len(PLACES) :]
    assert len(labels) == len(observations)
    for label, observation in zip(labels, observations, strict=True):
        lines = [line.text or "" for line in label.iter(f"{SVG}tspan")]
        for line in lines[:-1]:
            needed, at = len(line) * diagram.CHAR_WIDTH, int(label.attrib["x"])
            room = width - at if label.attrib["text-anchor"] == "start" else at
            assert needed <= room
        assert "".join("".join(lines[:-1]).split()) == "".join(str(observation.get_message()).split())


def test_events_of_several_ids_have_strokes_of_their_own() -> None:
    observations = (Observation("database", 0, "a", "x"), Observation("worker", 1, "b", "x"))
    drawing = drawn(CounterExample("x", observations))
    strokes = [line.attrib["stroke-dasharray"] for line in drawing.iter(f"{SVG}polyline")]
    assert len(set(strokes)) == 2


def test_the_evidence_shows_it_for_a_fail_and_not_for_a_pass() -> None:
    page = evidence.render_html(LOST)
    assert "Counter-example to: nothing lost" in page
    assert '<svg class="space-time"' in page
    assert all(
        f"<li>{sentence}</li>" in page for sentence in diagram.describe_counter_example(found_in(LOST), ENGLISH, str)
    )
    assert "space-time" not in evidence.render_html(result_of(example()))


def test_the_page_shows_it_in_the_visitors_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_resolve", lambda: ("es", "es-CO"))
    html = run_panel.counter_example(found_in(LOST))
    assert "Contraejemplo de: nada perdido" in html
    assert "sin notificación" in html
    assert "base de datos: " in html
    assert "no notification" not in html
    assert list(words.places()) == list(PLACES)


def test_texts_of_other_programs_are_escaped() -> None:
    hostile = Observation.of("worker", 1, "<b>", verbatim("<script>"))
    html = run_panel.counter_example(CounterExample("<i>", (hostile,)))
    assert "<script>" not in html
    assert "<b>" not in html
    assert "<i>" not in html
