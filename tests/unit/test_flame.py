"""Samples of stacks: how they are read, which functions are hottest, and how they are drawn."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import flame, flame_drawing
from bench.flame import CannotSample, Flame, parse
from bench.flame_drawing import LIBRARY, OWN, STANDARD, WIDTH, classify, draw
from cli import flames
from settings import Settings

OWN_PACKAGES = frozenset({"workers", "db", "stacks"})
STARTED = "<module> (stacks/fork_server.py:1);main (supervisor/supervisord.py:360);_run_code (<frozen runpy>:65)"
TEXT = f"""{STARTED};main (workers/notifications.py:254);step (workers/consumer.py:68) 6
{STARTED};main (workers/notifications.py:254);execute (sqlalchemy/engine/base.py:1371);dumps (json/__init__.py:183) 3
Thread._bootstrap (threading.py:988);Thread._bootstrap_inner (threading.py:1028);Thread.run (threading.py:971);run (telemetry/metrics.py:97) 1
{STARTED} 5
"""
NOTIFICATIONS = Flame("notifications", 0.75, parse(TEXT))
FRAMES = st.sampled_from(
    ["f (workers/a.py:1)", "g (db/b.py:2)", "h (json/decoder.py:3)", "i<j> & k (sqlalchemy/c.py:4)"]
)
STACKS = st.dictionaries(st.lists(FRAMES, min_size=1, max_size=6).map(tuple), st.integers(1, 50), min_size=1)


def test_frames_that_only_start_the_process_are_left_out() -> None:
    assert NOTIFICATIONS.stacks == {
        ("main (workers/notifications.py:254)", "step (workers/consumer.py:68)"): 6,
        (
            "main (workers/notifications.py:254)",
            "execute (sqlalchemy/engine/base.py:1371)",
            "dumps (json/__init__.py:183)",
        ): 3,
        ("run (telemetry/metrics.py:97)",): 1,
    }
    assert NOTIFICATIONS.samples == 10


def test_a_function_counts_its_own_samples_and_not_those_of_what_it_calls() -> None:
    assert NOTIFICATIONS.list_hottest(2) == [
        ("step (workers/consumer.py:68)", 0.6),
        ("dumps (json/__init__.py:183)", 0.3),
    ]


@pytest.mark.parametrize(
    ("frame", "whose"),
    [
        ("step (workers/consumer.py:68)", OWN),
        ("execute (sqlalchemy/engine/base.py:1371)", LIBRARY),
        ("run (threading.py:971)", STANDARD),
        ("dumps (json/__init__.py:183)", STANDARD),
        ("<lambda> (db/engine.py:1)", OWN),
        ("_run_code (<frozen runpy>:65)", STANDARD),
    ],
)
def test_a_frame_says_whose_code_it_is(frame: str, whose: str) -> None:
    assert classify(frame, OWN_PACKAGES) == whose


@given(STACKS)
def test_the_callees_of_a_function_lie_within_it_and_a_row_is_as_wide_as_its_samples(
    stacks: dict[tuple[str, ...], int],
) -> None:
    drawing = draw("a title", stacks, OWN_PACKAGES)
    root = ElementTree.fromstring(drawing)
    space = "{http://www.w3.org/2000/svg}"
    rectangles = [one for group in root.iter(f"{space}g") for one in group.iter(f"{space}rect")]
    rows: dict[float, float] = {}
    for rectangle in rectangles:
        left, width = float(rectangle.get("x", "")), float(rectangle.get("width", ""))
        assert left >= 0
        assert left + width <= WIDTH + 0.2
        rows[float(rectangle.get("y", ""))] = rows.get(float(rectangle.get("y", "")), 0) + width
    widths = [rows[y] for y in sorted(rows, reverse=True)]
    total = sum(stacks.values())
    for depth, width in enumerate(widths):
        expected = WIDTH * sum(count for stack, count in stacks.items() if len(stack) > depth) / total
        assert width == pytest.approx(expected, abs=flame_drawing.LEAST_WIDTH * len(stacks) * 2 + 1)
    assert all(upper <= lower + 0.2 for lower, upper in pairwise(widths))


def test_a_name_that_does_not_fit_is_shortened_and_stays_whole_in_its_title() -> None:
    name = "a_function_with_a_long_name_" * 3
    drawing = draw("title", {(f"{name} (db/a.py:1)",): 1, ("wide (db/a.py:2)",): 9}, OWN_PACKAGES)
    assert f"<title>{name} (db/a.py:1): 10.0%</title>" in drawing
    assert re.search(r">a_function_\w*…<", drawing)


def test_the_section_shows_a_picture_and_the_functions_of_each_process() -> None:
    text = flames.render("embedded", [NOTIFICATIONS], "2 cores", date(2026, 1, 31), "./alpes bench flame")
    for words in (
        "2026-01-31",
        "2 cores",
        "(images/flame-embedded-notifications.svg)",
        "| `step (workers/consumer.py:68)` | 60 |",
    ):
        assert words in text


def test_pictures_of_an_earlier_measurement_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    old, other = tmp_path / "images" / "flame-embedded-relay.svg", tmp_path / "images" / "flame-native-relay.svg"
    old.touch()
    other.touch()
    flames._write(tmp_path / "performance.md", "embedded", [NOTIFICATIONS], "./alpes bench flame")
    assert not old.exists()
    assert other.exists()
    assert (tmp_path / "images" / "flame-embedded-notifications.svg").read_text().startswith("<svg ")
    assert "## Where the busiest" in (tmp_path / "performance.md").read_text()


def test_without_py_spy_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flame, "PY_SPY", tmp_path / "py-spy")
    with pytest.raises(CannotSample, match="bench flame"):
        flame.sample_hottest(Settings(home=tmp_path), 1, 1, print)


@pytest.mark.parametrize(
    ("errors", "advice"),
    [
        ("Error: Permission Denied: Try running again with sudo", "ptrace_scope"),
        ("Error: No such process", "No such process"),
    ],
)
def test_what_py_spy_refuses_is_explained(errors: str, advice: str) -> None:
    assert advice in flame._explain(errors)
