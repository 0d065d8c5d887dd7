"""A schedule of chaos: drawn from a seed, written and read as text, and shrunk to the fewest faults that still fail."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from cli import chaos as verb
from cli.output import Failed
from scenarios import chaos, chaos_faults, chaos_schedule, chaos_shrinking, end_to_end, runner
from scenarios.chaos_schedule import Planned, Schedule, Step
from scenarios.shrinking import shrink
from settings import Settings
from tests.histories import example
from tests.results import result_of

PARTNERS = {"kill-a": {"kill-b"}, "kill-b": {"kill-a"}, "restart": {"kill-b"}, "alone": set[str]()}
planned = st.builds(Planned, st.sampled_from(sorted(PARTNERS)), st.integers(0, 40).map(lambda tenths: tenths / 10))
schedules = st.lists(
    st.builds(
        Step,
        st.integers(10, 40).map(lambda tenths: tenths / 10),
        st.lists(planned, min_size=1, max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=6,
).map(tuple)


def test_the_seed_draws_the_schedule() -> None:
    first, again, other = (chaos_schedule.draw(seed, 60, PARTNERS) for seed in (7, 7, 8))
    assert first == again != other


@given(st.integers(0, 2**31), st.floats(1, 600))
def test_a_drawn_schedule_fills_its_time_with_faults_that_may_be_together(seed: int, seconds: float) -> None:
    drawn = chaos_schedule.draw(seed, seconds, PARTNERS)
    filled = [step.calm_s + max(each.down_s for each in step.faults) for step in drawn]
    assert sum(filled) >= seconds > sum(filled[:-1])
    for step in drawn:
        first, *second = [each.fault for each in step.faults]
        assert len(second) <= 1
        assert set(second) <= PARTNERS[first]


def test_every_fault_is_drawn_and_some_come_two_at_a_time() -> None:
    drawn = [step for seed in range(20) for step in chaos_schedule.draw(seed, 60, PARTNERS)]
    assert {each.fault for step in drawn for each in step.faults} == PARTNERS.keys()
    assert 0.1 < sum(len(step.faults) == 2 for step in drawn) / len(drawn) < 0.5


@given(schedules)
def test_a_schedule_is_read_as_it_was_written(schedule: Schedule) -> None:
    assert chaos_schedule.read(chaos_schedule.write(schedule)) == schedule


@pytest.mark.parametrize(
    "text", ["", "kill-broker", "1.0:", "x:kill-a@1", "1:kill-a", "1:a@1+b@1+c@1", "1:kill-a@1,", "-1:a@1"]
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no step"):
        chaos_schedule.read(text)


@given(schedules, st.data())
def test_keeping_some_places_keeps_these_faults(schedule: Schedule, data: st.DataObject) -> None:
    places = chaos_schedule.list_places(schedule)
    kept = data.draw(st.sets(st.sampled_from(places)))
    left = chaos_schedule.keep(schedule, kept)
    assert [each for step in left for each in step.faults] == [
        schedule[step].faults[fault] for step, fault in places if (step, fault) in kept
    ]
    assert all(step.faults for step in left)


def test_what_is_injected_at_the_same_time_does_not_hide_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    states = [SimpleNamespace(name=name) for name in ("relay", "broker", "notifications-1", "notifications-2", "api")]
    monkeypatch.setattr(chaos_faults, "control", lambda _settings: SimpleNamespace(states=lambda: states))
    trial = SimpleNamespace(settings=Settings(stack="embedded", workers=2))
    found = chaos_faults.partners(chaos_faults.faults_of(trial))  # type: ignore[arg-type]
    assert "kill-broker" in found["kill-relay"]
    assert "kill-notifications-2" in found["kill-notifications-1"]
    assert all(name not in others and others <= found.keys() for name, others in found.items())
    # The crash of a worker needs deliveries, and the one of the API commands.
    assert found["crash-notifications-2"] == {"kill-api"}
    assert not found["crash-api-committed"]


# Shrinking.


@given(st.integers(1, 24), st.data())
def test_exactly_the_items_that_are_needed_are_left(length: int, data: st.DataObject) -> None:
    items = list(range(length))
    needed = data.draw(st.sets(st.sampled_from(items), min_size=1, max_size=4))
    assert shrink(items, lambda part: needed <= set(part)) == sorted(needed)


def test_no_part_is_tried_twice_and_never_the_whole() -> None:
    asked: list[tuple[int, ...]] = []

    def fails(part: list[int]) -> bool:
        asked.append(tuple(part))
        return {2, 11} <= set(part)

    assert shrink(range(12), fails) == [2, 11]
    assert len(asked) == len(set(asked)) < 40
    assert tuple(range(12)) not in asked


def test_the_search_ends_with_the_smallest_part_so_far() -> None:
    tried: list[int] = []

    def fails(part: list[int]) -> bool:
        tried.append(len(part))
        return 0 in part

    left = shrink(range(16), fails, lambda: len(tried) >= 2)
    assert 0 in left
    assert 1 < len(left) < 16
    assert shrink(range(16), fails, lambda: True) == list(range(16))


def test_a_failing_schedule_is_shrunk_on_instances_with_the_same_components(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system of this test fails when its worker crashes after a kill of the broker, whatever else happens."""
    schedule = chaos_schedule.read("1.0:kill-broker@2.0+kill-api@0.5,2.0:restart@0.0,1.5:crash@0.0,1.0:alone@3.0")
    sound = result_of(example())
    broken = replace(sound, name="chaos", verdict="FAIL", properties={"nothing_lost": False})
    failed = replace(broken, figures={"schedule": chaos_schedule.write(schedule)})
    settings = Settings(stack="embedded", part_modules={"notifications": "mine"})
    started: list[dict[str, str]] = []

    class Running:
        def __init__(self, _stack: str, *, private: bool, part_modules: dict[str, str]) -> None:
            assert private
            started.append(part_modules)

        def __enter__(self) -> Settings:
            return settings

        def __exit__(self, *_: object) -> None: ...

    def run(_settings: Settings, name: str, seed: int, _minutes: float, *, faults: str) -> object:
        assert (name, seed) == ("chaos", failed.seed)
        if "kill-broker" in faults and "crash" in faults:
            return broken
        # Another failure than the one that is looked for does not count.
        return replace(broken, properties={"nothing_lost": True, "in_order": False}) if "alone" in faults else sound

    monkeypatch.setattr(end_to_end, "running", Running)
    monkeypatch.setattr(runner, "run", run)
    smallest = chaos_shrinking.shrink_schedule(settings, failed, 1, float("inf"), lambda _text: None)
    assert chaos_schedule.write(smallest) == "1.0:kill-broker@2.0,1.5:crash@0.0"
    assert started
    assert all(modules == settings.part_modules for modules in started)
    command = chaos_shrinking.write_command(settings, failed, 1, smallest)
    assert command.endswith("--seed 1 --minutes 1 --faults 1.0:kill-broker@2.0,1.5:crash@0.0")


# The verb.


def test_seeds_are_ranges_and_numbers() -> None:
    assert verb.read_seeds("1-4") == [1, 2, 3, 4]
    assert verb.read_seeds("7,1-2") == [7, 1, 2]
    for text in ("", "a", "1-", "1,,2"):
        with pytest.raises(Failed):
            verb.read_seeds(text)


def test_the_summary_counts_all_runs_and_names_those_that_failed() -> None:
    sound = replace(result_of(example()), verdict="PASS", figures={"faults": {"kill-a": 2}, "schedule": "s"})
    lost = replace(sound, seed=5, verdict="FAIL", counts=replace(sound.counts, lost=3))
    unclear = replace(sound, seed=6, verdict="INCONCLUSIVE")
    summary = verb.summarize([sound, lost, unclear], "embedded", 1, "./alpes …")
    assert (summary["ok"], summary["runs"], summary["lost"]) == (False, 3, 3)
    assert (summary["duplicated"], summary["out_of_order"]) == (0, 0)
    assert (summary["failed_seeds"], summary["inconclusive_seeds"]) == ([5], [6])
    assert summary["faults"] == {"kill-a": 6}
    assert verb.summarize([sound], "embedded", 1, "")["ok"]


def test_a_summary_that_is_not_ok_is_a_failure() -> None:
    failed = replace(result_of(example()), verdict="FAIL")
    with pytest.raises(typer.Exit):
        verb._print_summary(Settings(stack="embedded"), [failed], 1, "", True)


def test_a_schedule_that_cannot_be_read_is_refused_before_anything_starts() -> None:
    with pytest.raises(Failed, match="is no step"):
        verb.chaos(faults="kill everything")


def test_a_long_run_sends_so_little_that_its_history_fits_into_memory() -> None:
    assert chaos.pairs_per_second(60) == 30
    longest_s = chaos.MAX_MINUTES * 60
    assert chaos.pairs_per_second(longest_s) * longest_s == pytest.approx(chaos.MAX_PAIRS)
