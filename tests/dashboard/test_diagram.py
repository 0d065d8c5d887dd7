"""The diagram of an event's path: every count, what waits, what is down, in both languages, well formed and escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from dashboard import i18n
from dashboard.components import diagram as drawing
from dashboard.components import diagram_words, live_html, strip
from dashboard.components.diagram_layout import NARROW, WIDE, Box, Layout
from dashboard.view_models.diagram import ArrowName, Diagram, diagram
from dashboard.view_models.reconciling import Counts, Judgement, ShownCounts
from dashboard.view_models.snapshot import DatabaseState, HealthState, Timed
from domain.message import Message, verbatim
from settings.stack_facts import DEBEZIUM, RELAY, CaptureFacts
from stacks.part_health import PartHealth

COUNTS = Counts(1624, 1621, 1615, 1609, dead_lettered=2, delivered=1615, duplicates=4, created=1580)
SHOWN = ShownCounts(COUNTS, 0, 7, 1622)
HOPS = {"occurred": 0, "committed": 1234, "captured": 5234, "published": 9234, "received": 20234, "persisted": 22345}
DATABASE = DatabaseState(
    retried=3, timed=tuple(Timed(f"e-{n}", n, "CommissionCalculated", "c", "r", HOPS) for n in range(3))
)
LETTER_PX, COUNT_PX = 7.0, 9.0
"""A little more than a letter of a name, and a digit of a count, is wide on average."""
SMALLEST_PX, NARROW_PX = 11.0, 330.0
"""The smallest type that is legible, and the width of the drawing on a telephone of 390 px."""


@pytest.fixture(params=["en", "es"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    i18n.use(lambda: (request.param, None))
    yield request.param
    i18n.use(lambda: ("en", None))


def down(*parts: PartHealth) -> HealthState:
    return HealthState(1, parts)


def found(
    shown: ShownCounts = SHOWN,
    judgement: Judgement = "waiting",
    health: HealthState | None = None,
    capture: CaptureFacts = RELAY,
) -> Diagram:
    return diagram(capture, DATABASE, shown, judgement, health or HealthState(1))


def svgs(html: str) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(html)
    return {drawn.get("class", ""): drawn for drawn in root.iter("svg")}


def texts(drawn: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in drawn.iter("text")]


def of_class(drawn: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in drawn.iter() if name in (element.get("class") or "").split()]


def test_every_count_is_in_both_drawings_and_in_the_words(language: str) -> None:
    html = drawing.diagram(found())
    words = diagram_words.sentences(found())
    drawn = svgs(html)
    assert set(drawn) == {"wide", "narrow"}
    for count in (1624, 1580, 1622, 1621, 1615, 1609, 3, 2):
        shown = i18n.number(count)
        for one in drawn.values():
            assert any(re.search(rf"(^|\s){re.escape(shown)}(\s|$)", text) for text in texts(one)), (count, language)
        assert any(sentence.endswith(f": {shown}") for sentence in words), count
    for one in drawn.values():
        (inbox,) = [text.replace(",", ".") for text in texts(one) if " +" in text]
        assert inbox.startswith("1.615 +4"), "the duplicates that the inbox absorbed"
        assert one.get("class") == "narrow" or inbox.endswith({"en": " absorbed", "es": " absorbidas"}[language])


def test_a_word_beside_a_count_is_left_out_where_it_has_no_room() -> None:
    assert drawing._absorbed(52, 100) == " +52 absorbed"
    assert drawing._absorbed(52, 50) == " +52"


def test_what_waits_is_on_its_arrow_and_amber(language: str) -> None:
    for drawn in svgs(drawing.diagram(found())).values():
        waiting = {name: of_class(drawn, name)[0].get("class", "").split()[-1] for name in drawing.ORDER}
        assert waiting == {
            "commit": "flows",
            "capture": "waits",
            "publish": "waits",
            "receive": "waits",
            "audit": "waits",
        }
        arrows = {name: texts(of_class(drawn, name)[0]) for name in drawing.ORDER}
        word = {"en": "waiting", "es": "en espera"}[language]
        counts: dict[ArrowName, str] = {"capture": "2", "publish": "1", "receive": "4", "audit": "6"}
        for name, count in counts.items():
            assert f"{count} {word}" in " ".join(arrows[name]), name
        assert not of_class(drawn, "missing")
        assert not of_class(drawn, "surplus")


def test_nothing_waits_when_everything_has_arrived() -> None:
    equal = Counts(5, 5, 5, 5, delivered=5, created=5)
    for drawn in svgs(drawing.diagram(found(ShownCounts(equal, 0, 0, 5), "equal"))).values():
        assert len(of_class(drawn, "flows")) == 5
        assert not of_class(drawn, "waits")


def test_what_is_lost_or_too_many_is_told_apart_from_what_waits() -> None:
    lost = found(SHOWN, "differs")
    assert {arrow.state for arrow in lost.arrows.values() if arrow.waiting} == {"missing"}
    assert "✕ 6" in texts(svgs(drawing.diagram(lost))["wide"])
    twice = ShownCounts(replace(COUNTS, notified=1700), 0, 0, 1624)
    assert found(twice, "in_flight").surplus == frozenset(), "reading one source after the other explains it"
    assert found(twice, "differs").surplus == {"notification"}
    assert "✕ 1,700" in texts(svgs(drawing.diagram(found(twice, "differs")))["wide"])


def test_a_component_that_is_down_is_marked_with_a_symbol_a_word_and_its_countdown(language: str) -> None:
    health = down(
        PartHealth("broker", "down", Message("health.held_down", s=12)),
        PartHealth("audit", "down", verbatim("gone")),
        PartHealth("database", "down", verbatim("gone")),
        PartHealth("relay", "down", verbatim("gone")),
        PartHealth("api", "down", verbatim("gone")),
    )
    word = {"en": "down", "es": "caído"}[language]
    for drawn in svgs(drawing.diagram(found(health=health))).values():
        marked = {
            name: texts(of_class(one, "badge")[0])
            for one in of_class(drawn, "down")
            for name in (one.get("class") or "").split()
            if name in ("topic", "audit", "capture", "container")
        }
        assert marked == {
            "topic": [f"✕ {word} · 12 s"],
            "audit": [f"✕ {word}"],
            "capture": [f"✕ {word}"],
            "container": [f"✕ {word}"],
        }
    said = diagram_words.sentences(found(health=health))
    assert len([sentence for sentence in said if word in sentence.lower()]) == 4


def test_of_several_workers_the_one_that_is_down_is_named() -> None:
    health = down(PartHealth("notifications-2", "down", verbatim("gone")))
    assert "✕ worker 2 down" in texts(svgs(drawing.diagram(found(health=health)))["wide"])


def test_while_the_observer_is_down_what_was_published_is_not_guessed() -> None:
    blind = found(health=down(PartHealth("observer", "down", verbatim("gone"))))
    assert (blind.counts["capture"], blind.counts["topic"]) == (None, None)
    assert (blind.arrows["capture"].waiting, blind.arrows["publish"].waiting) == (None, None)
    assert blind.arrows["receive"].waiting == 1624 - 1615 - 2
    assert "—" in texts(svgs(drawing.diagram(blind))["narrow"])


def test_a_source_that_cannot_be_read_has_no_number() -> None:
    nothing = found(ShownCounts(Counts(None, None, None, None)), "unknown")
    assert {arrow.waiting for arrow in nothing.arrows.values()} == {None}
    assert texts(svgs(drawing.diagram(nothing))["wide"]).count("—") >= 6


def test_times_are_medians_no_finer_than_the_clocks(language: str) -> None:
    for drawn in svgs(drawing.diagram(found())).values():
        shown = [text.replace(",", ".") for text in texts(drawn)]
        assert {"1.23 ms", "4.00 ms", "11.0 ms"} <= set(shown)
        assert any(re.search(r" 3 events$| 3 eventos$", text) for text in shown), "of so many events"
        assert any(text.endswith("· 2.11 ms") for text in shown), "within the worker's transaction"


@pytest.mark.parametrize(("capture", "name"), [(RELAY, "Relay"), (DEBEZIUM, "Debezium")])
def test_the_capture_has_its_name(capture: CaptureFacts, name: str) -> None:
    assert name in texts(svgs(drawing.diagram(found(capture=capture)))["wide"])


def test_values_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagram_words, "caption", lambda _found: "<script>&\"'")
    html = drawing.diagram(found())
    assert "<script>" not in html
    assert "<script>&\"'" in texts(svgs(html)["wide"])


def test_an_event_travels_on_an_arrow_when_more_have_passed() -> None:
    def keys(counts: Counts) -> list[str | None]:
        drawn = svgs(drawing.diagram(found(ShownCounts(counts, 0, 0, counts.published))))["wide"]
        return [one.get("data-key") for one in of_class(drawn, "traveller")]

    before, after = keys(COUNTS), keys(replace(COUNTS, committed=1625))
    assert before[0] != after[0]
    assert before[1:] == after[1:], "the broker has not got it yet"


def test_the_html_is_small(language: str) -> None:
    health = down(*(PartHealth(part, "down", Message("health.held_down", s=12)) for part in ("database", "relay")))
    assert len(drawing.diagram(found(health=health)).encode()) < 15_000


def test_the_smallest_type_is_legible_at_every_width() -> None:
    css = (live_html.ASSETS / "diagram.css").read_text(encoding="utf-8")
    smallest = min(float(size) for size in re.findall(r"font-size: ([\d.]+)px", css))
    narrowest = float(re.findall(r"min-width: (\d+)px", css)[0])
    assert smallest * narrowest / WIDE.width >= SMALLEST_PX
    assert smallest * NARROW_PX / NARROW.width >= SMALLEST_PX


@pytest.mark.parametrize("layout", [WIDE, NARROW])
def test_the_names_fit_into_their_boxes(layout: Layout, language: str) -> None:
    diagram_ = found(capture=DEBEZIUM)
    for name, box in layout.nodes.items():
        beside = (
            len(i18n.number(123_456)) * COUNT_PX if box.height < 40 and name not in ("retry", "dead_letters") else 0
        )
        assert len(diagram_words.label(name, diagram_)) * LETTER_PX + beside < box.width, name
    for container, box in layout.containers.items():
        assert len(diagram_words.container_title(container)) * LETTER_PX < box.width - 20, container


@pytest.mark.parametrize("layout", [WIDE, NARROW])
def test_boxes_do_not_overlap_and_lie_in_the_drawing(layout: Layout) -> None:
    boxes: dict[str, Box] = dict([*layout.nodes.items(), *layout.containers.items()])
    for box in boxes.values():
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= layout.width
        assert box.y + box.height <= layout.height
    inside = {frozenset(pair) for pair in drawing.TABLES.items()}
    names = list(boxes)
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            one, other = boxes[first], boxes[second]
            apart = (
                one.x + one.width <= other.x
                or other.x + other.width <= one.x
                or one.y + one.height <= other.y
                or other.y + other.height <= one.y
            )
            assert apart or frozenset((first, second)) in inside, (first, second)


@pytest.mark.parametrize(
    ("judgement", "parts", "colour", "shown"),
    [
        ("waiting", ("broker",), "warn", "▲ 13 events wait: broker is down"),
        ("waiting", (), "warn", "▲ 13 events wait and are arriving; none is lost so far"),
        ("differs", (), "bad", "✕ 13 are missing for more than 5 s, and no component is down"),
        ("in_flight", (), "soft", "▲ In flight: 7"),
        ("unknown", (), "warn", "? A source cannot be read now"),
    ],
)
def test_waiting_is_never_told_as_an_error(
    judgement: Judgement, parts: tuple[str, ...], colour: str, shown: str
) -> None:
    html = strip.verdict(SHOWN, judgement, parts)
    assert f'class="verdict {colour}"' in html
    assert shown in html


def test_a_surplus_is_an_error() -> None:
    more = ShownCounts(replace(COUNTS, audited=1630), 0, 0, 1624)
    html = strip.verdict(more, "differs")
    assert 'class="verdict bad"' in html
    assert "A source has 8 more events" in html
