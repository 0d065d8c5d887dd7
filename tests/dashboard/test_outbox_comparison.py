"""The comparison with and without an outbox: what its counters, colours and curves say at every stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from dashboard import i18n
from dashboard.components import outbox_comparison as drawing
from dashboard.view_models.outbox_comparison import STAGES, Comparison, conclude, follow
from domain.message import verbatim
from scenarios.model import Counts, FaultWindow, Moment, Sample
from tests.histories import example
from tests.results import result_of

BEGAN = 1000.0
SAMPLES = (
    Sample(1001.0, 10, 10, 10, (10, 10)),
    Sample(1004.0, 80, 12, 12, (80, 12)),
    Sample(1007.0, 120, 120, 118, (120, 52)),
)


@pytest.fixture(params=["en", "es"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    i18n.use(lambda: (request.param, None))
    yield request.param
    i18n.use(lambda: ("en", None))


def under_way(*kinds: str, seen: int = len(SAMPLES)) -> Comparison:
    moments = [Moment.of(BEGAN + place, kind, verbatim(kind)) for place, kind in enumerate(("started", *kinds))]
    return follow("run", moments, SAMPLES[:seen], BEGAN + 5, 20)


COUNTS = Counts(120, 120, 121, 120, 120, 0, 0, 0, 0, 1, 0)


def finished() -> Comparison:
    run = replace(
        result_of(example()),
        counts=COUNTS,
        samples=SAMPLES,
        started_at=BEGAN,
        duration_s=9.0,
        windows=(FaultWindow("broker", "kill", 1002.0, 1006.0),),
        figures={"naive_committed": 120, "naive_lost": 68, "naive_lost_ids": ["<first>"]},
    )
    return conclude(run)


def drawn(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html)


def classes(root: ElementTree.Element) -> list[str]:
    return [element.get("class") or "" for element in root.iter()]


@pytest.mark.parametrize(
    ("kinds", "stage"),
    [
        ((), "load"),
        (("load", "fault", "confirmed"), "down"),
        (("fault", "fault_end"), "back"),
        (("fault", "fault_end", "recovered", "counting"), "count"),
    ],
)
def test_a_run_under_way_is_at_the_stage_of_its_timeline(kinds: tuple[str, ...], stage: str) -> None:
    assert under_way(*kinds).stage == stage
    html = drawing.stepper(under_way(*kinds))
    assert html.count('aria-current="step"') == 1


def test_the_outage_is_open_until_it_ends() -> None:
    assert under_way().outage is None
    assert under_way("fault").outage == (1.0, None)
    assert under_way("fault", "fault_end").outage == (1.0, 2.0)
    assert finished().outage == (2.0, 6.0)


def test_what_is_missing_is_amber_until_it_is_counted_and_only_then_red() -> None:
    early = under_way("fault", seen=2)
    for name in ("without", "outbox"):
        shades = classes(drawn(drawing.side(name, early)))
        assert "gap warn" in shades
        assert not {"gap bad", "gap ok"} & set(shades)
        assert [b.get("class") for b in drawn(drawing.side(name, early)).iter("b")][-1] == "warn"
    assert "gap bad" in classes(drawn(drawing.side("without", finished())))
    assert "gap ok" in classes(drawn(drawing.side("outbox", finished())))


def test_each_side_counts_its_own_events_and_names_what_it_lost(language: str) -> None:
    found = finished()
    assert (found.without.last.committed, found.without.last.arrived, found.without.lost) == (120, 52, 68)
    assert (found.outbox.last.committed, found.outbox.last.arrived, found.outbox.lost) == (120, 120, 0)
    without, outbox = drawn(drawing.side("without", found)), drawn(drawing.side("outbox", found))
    assert [b.text for b in without.iter("b")] == ["120", "52", "68"]
    assert [b.text for b in outbox.iter("b")] == ["120", "120", "0"]
    assert "<first>" in "".join(without.itertext())
    said = drawing.conclusion(found)
    assert "68" in said
    assert 'class="bad"' in said
    assert 'class="ok"' in said


def test_both_sides_are_drawn_on_the_same_scales() -> None:
    paths = {
        name: next(
            element.get("d")
            for element in drawn(drawing.side(name, finished())).iter("path")
            if element.get("class") == "committed"
        )
        for name in ("without", "outbox")
    }
    assert paths["without"] == paths["outbox"] == "M111.1 183.3 L444.4 66.7 L777.8 0.0 L1000.0 0.0"


def test_a_run_of_an_older_version_has_its_numbers_and_no_curve() -> None:
    old = conclude(replace(result_of(example()), figures={"naive_committed": 95, "naive_lost": 50}, samples=()))
    assert (old.without.last.committed, old.without.lost) == (95, 50)
    assert "<svg" not in drawing.side("without", old)


def test_a_finished_run_shows_every_stage_as_over() -> None:
    assert drawing.stepper(finished()).count("✓") == len(STAGES)
    assert drawing.progress(finished(), 20) == ""
    assert "5" in drawing.progress(under_way(), 20)
