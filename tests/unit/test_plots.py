"""Test the plots of the evidence: what is in the drawing, where it is, and that it stays small."""

from __future__ import annotations

import itertools
import random
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios import plots
from scenarios.plots import Band, Plot, Series

SVG = "{http://www.w3.org/2000/svg}"


def write_number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}"


def parse(plot: Plot) -> ET.Element:
    return ET.fromstring(plots.draw_plot(plot, "p", write_number))


def texts(drawing: ET.Element, kind: str | None = None) -> list[str]:
    return ["".join(text.itertext()) for text in drawing.iter(f"{SVG}text") if text.get("class") == kind]


def coordinates(path: ET.Element) -> list[tuple[float, float]]:
    pairs = path.attrib["d"].removesuffix("h0").lstrip("M").replace("h0M", "L").split("L")
    return [(float(x), float(y)) for x, y in (pair.split() for pair in pairs)]


def data_paths(drawing: ET.Element) -> list[ET.Element]:
    return [path for path in drawing.iter(f"{SVG}path") if path.get("class") == "data"]


LATENCIES = Plot(
    "Latency",
    "seconds",
    "ms",
    [Series("latency", "published", [(0.5, 2.0), (4.0, 30.0), (9.0, 800.0)])],
    [Band("kill: broker", 2.0, 5.0)],
    is_logarithmic=True,
    has_lines=False,
)


def test_a_plot_has_axes_with_ticks_names_and_a_text_alternative() -> None:
    drawing = parse(LATENCIES)
    assert drawing.findtext(f"{SVG}title") == "Latency"
    assert drawing.attrib["aria-labelledby"].split() == ["p-title", "p-text"]
    assert drawing.findtext(f"{SVG}desc") == "ms, seconds; latency: 2.0 – 800; kill: broker: 2.0 – 5.0 s"
    assert texts(drawing, "tick") == ["1", "10", "100", "1000", "0", "2", "4", "6", "8", "10"]
    assert {"ms", "seconds"} <= set(texts(drawing))


def test_a_fault_is_shaded_from_its_begin_to_its_end_and_named() -> None:
    drawing = parse(LATENCIES)
    (band,) = drawing.iter(f"{SVG}rect")
    x_axis = plots.make_axis([10.0], plots.LEFT, plots.RIGHT)
    begin, width = float(band.attrib["x"]), float(band.attrib["width"])
    assert begin == pytest.approx(x_axis.place(2.0), abs=0.1)
    assert begin + width == pytest.approx(x_axis.place(5.0), abs=0.2)
    assert band.findtext(f"{SVG}title") == "kill: broker"
    assert texts(drawing, "band") == ["kill: broker"]


def test_names_of_faults_do_not_overlap_and_every_fault_keeps_its_title() -> None:
    bands = [Band(f"kill: notifications-{number}", number, number + 0.5) for number in range(40)]
    drawing = parse(Plot("t", "x", "y", [Series("s", "published", [(0, 1), (40, 1)])], bands))
    assert [band.findtext(f"{SVG}title") for band in drawing.iter(f"{SVG}rect")] == [band.name for band in bands]
    rows: dict[str, list[tuple[float, float]]] = {}
    for text in drawing.iter(f"{SVG}text"):
        if text.get("class") == "band":
            x = float(text.attrib["x"])
            rows.setdefault(text.attrib["y"], []).append((x, x + len(text.text or "") * plots.CHAR_WIDTH))
    assert 1 < len(rows) <= plots.LABEL_ROWS
    for labels in rows.values():
        assert all(begin >= plots.LEFT and end <= plots.RIGHT for begin, end in labels)
        assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(labels))


def test_lines_can_be_told_apart_without_colours_and_are_named() -> None:
    series = [Series(name, name, [(0, 0), (1, 5)]) for name in ("committed", "published", "notified")]
    drawing = parse(Plot("t", "x", "y", series))
    assert len({path.attrib["stroke-dasharray"] for path in data_paths(drawing)}) == 3
    assert {"committed", "published", "notified"} <= set(texts(drawing))
    assert texts(parse(Plot("t", "x", "y", series[:1]))) == ["y", "x"], "one line needs no name"


@given(
    st.lists(st.tuples(st.floats(0, 4000), st.floats(0, 1e6)), max_size=30),
    st.booleans(),
    st.booleans(),
)
def test_everything_is_drawn_within_the_axes(
    points: list[tuple[float, float]], is_logarithmic: bool, has_lines: bool
) -> None:
    plot = Plot("t", "x", "y", [Series("s", "c", sorted(points))], (), is_logarithmic, has_lines)
    drawing = parse(plot)
    for path in data_paths(drawing):
        for x, y in coordinates(path):
            assert plots.LEFT <= x <= plots.RIGHT
            assert plots.TOP <= y <= plots.BOTTOM
    assert bool(points) == bool(data_paths(drawing))


@given(st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=5), st.booleans())
def test_an_axis_has_a_few_ticks_that_enclose_all_values(values: list[float], is_logarithmic: bool) -> None:
    axis = plots.make_axis(values, 0, 100, is_logarithmic)
    assert 2 <= len(axis.ticks) <= plots.MAX_TICKS + 1
    assert axis.low <= min(values) * (1 + 1e-9)
    assert max(values) <= axis.high * (1 + 1e-9)
    places = [axis.place(tick) for tick in axis.ticks]
    assert places[0] == pytest.approx(0)
    assert places[-1] == pytest.approx(100)
    assert places == sorted(set(places))
    labels = [write_number(tick, plots.count_digits(axis.ticks, tick, is_logarithmic)) for tick in axis.ticks]
    assert [float(label) for label in labels] == pytest.approx(list(axis.ticks))


def test_a_long_run_is_drawn_small_and_keeps_its_ends() -> None:
    chance = random.Random(7)
    points = sorted((chance.uniform(0, 3600), chance.lognormvariate(3, 2)) for _ in range(100_000))
    line = [(at, float(number)) for number, (at, _) in enumerate(points)]
    dots = Plot("t", "x", "y", [Series("s", "c", points)], (), is_logarithmic=True, has_lines=False)
    assert len(plots.draw_plot(dots, "p", write_number)) < 400_000
    lines = Plot("t", "x", "y", [Series("s", "c", line)])
    assert len(plots.draw_plot(lines, "p", write_number)) < 20_000
    (path,) = data_paths(parse(lines))
    axis = plots.make_axis([line[-1][0]], plots.LEFT, plots.RIGHT)
    assert coordinates(path)[0] == (plots.LEFT, plots.BOTTOM)
    assert coordinates(path)[-1][0] == pytest.approx(axis.place(line[-1][0]), abs=1)


def test_names_are_escaped() -> None:
    plot = Plot("<b>", "<i>", "<u>", [Series("<s>", "c", [(0, 1)])], [Band("<script>", 0, 1)])
    drawing = plots.draw_plot(plot, "p", write_number)
    assert "<script>" not in drawing
    assert parse(plot).findtext(f"{SVG}title") == "<b>"
