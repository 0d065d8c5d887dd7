"""Test that a verdict is made of the properties alone, and that its counter-example reaches JSON, command line and evidence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli import scenario_runs
from scenarios import invariants
from scenarios.invariants import Judgement
from scenarios.model import result_from_json
from scenarios.observations import CounterExample, Observation
from scenarios.properties import PROPERTIES
from tests.histories import example
from tests.history_mutations import MUTATIONS
from tests.results import result_of


def pick_last(records: list[Any]) -> Any:
    return records[-1]


def broken_by(mutation: str) -> Any:
    mutate = {each.__name__: each for mutations in MUTATIONS.values() for each in mutations}[mutation]
    return mutate(example(), pick_last).history


def test_a_sound_run_passes_and_has_no_counter_example() -> None:
    result = result_of(example())
    assert (result.verdict, result.counter_example, result.wrong_event_ids) == ("PASS", None, {})
    assert result.properties == dict.fromkeys(PROPERTIES, True)
    counts = result.counts
    assert counts.committed == counts.published == counts.notifications == counts.audited == 4
    assert (counts.lost, counts.duplicated_effects, counts.out_of_order, counts.never_committed) == (0, 0, 0, 0)
    assert (counts.deliveries, counts.duplicates_absorbed, counts.dead_lettered, counts.contents_differ) == (6, 1, 0, 0)


@pytest.mark.parametrize(
    ("mutation", "name", "count"),
    [
        ("lose_message", "published_what_was_committed", "lost"),
        ("double_effect", "effect_once", "duplicated_effects"),
        ("swap_two", "in_order", "out_of_order"),
        ("publish_phantom", "nothing_uncommitted", "never_committed"),
        ("change_line", "audit_equals_notifications", "contents_differ"),
        ("change_notified_amount", "contents_unchanged", "contents_differ"),
        ("lose_line", "audit_equals_notifications", "lost"),
    ],
)
def test_a_broken_property_is_a_fail_with_its_count_and_its_proof(mutation: str, name: str, count: str) -> None:
    result = result_of(broken_by(mutation))
    assert result.verdict == "FAIL"
    assert result.properties[name] is False
    assert getattr(result.counts, count) > 0
    assert [check.ok for check in result.checks] == list(result.properties.values())
    assert result.counter_example is not None
    assert result.counter_example.property == next(each for each, holds in result.properties.items() if not holds)


def test_ids_say_what_differs() -> None:
    result = result_of(broken_by("change_notified_amount"))
    (differing,) = result.wrong_event_ids["contents differ"][:1]
    assert differing == 'notified e-2-1: payload.amount is "0.00", expected "20.00"'


def test_the_json_of_a_run_has_properties_and_counter_example() -> None:
    result = result_of(broken_by("lose_message"))
    stored = json.loads(json.dumps(result.to_json()))
    assert (
        result_from_json(stored)
        == result_from_json(result.to_json())
        == result_from_json(stored | {"ids": result.wrong_event_ids})
    )
    summary = json.loads(json.dumps(result.summary()))
    assert summary["properties"]["published_what_was_committed"] is False
    assert summary["counter_example"]["property"] == "published_what_was_committed"
    assert [event["place"] for event in summary["counter_example"]["events"]] == ["database", "broker"]
    assert result_of(example()).summary()["counter_example"] is None


def test_a_record_of_an_older_version_is_read() -> None:
    stored = result_of(example()).to_json()
    old = {name: value for name, value in stored.items() if name not in ("properties", "counter_example")}
    result = result_from_json(json.loads(json.dumps(old)))
    assert (result.properties, result.counter_example) == ({}, None)


def test_a_property_that_this_version_does_not_know_is_shown_by_its_name() -> None:
    assert str(CounterExample("in_another_version", ()).get_message()) == "in_another_version"
    stored = {"place": "worker", "at": None, "id": "e", "text": "so it was", "message": {"code": "x", "params": {}}}
    result = result_of(example()).to_json() | {"counter_example": {"property": "x", "events": [stored]}}
    found = result_from_json(result).counter_example
    assert found is not None
    assert str(found.events[0].get_message()) == "so it was"


def test_the_command_line_prints_a_counter_example_in_time_order(capsys: pytest.CaptureFixture[str]) -> None:
    scenario_runs.print_result(result_of(broken_by("lose_message")))
    printed = capsys.readouterr().out
    assert "counter-example to: what was committed is published" in printed
    (committed,) = (line for line in printed.splitlines() if "committed as version" in line)
    (missing,) = (line for line in printed.splitlines() if "not published" in line)
    assert committed.split()[1:3] == ["database", "e-2-2"]
    assert missing.split()[:3] == ["–", "broker", "e-2-2"]
    assert printed.index(committed) < printed.index(missing)
    scenario_runs.print_result(result_of(example()))
    assert "counter-example" not in capsys.readouterr().out


def test_waiting_ends_early_only_when_nothing_may_still_arrive() -> None:
    assert Judgement.of(broken_by("double_effect")).differs_permanently is False  # its audit line may still be written
    assert Judgement.of(broken_by("change_published_amount")).differs_permanently
    assert not Judgement.of(broken_by("lose_line")).differs_permanently
    assert not Judgement.of(example()).differs_permanently


def test_evidence_names_the_first_ids_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "MAX_NAMED_IDS", 1)
    judgement = Judgement.of(broken_by("publish_phantom"))
    assert all(len(ids) == 1 for ids in invariants.name_ids(judgement).values())


def test_an_observation_says_its_text_without_a_message() -> None:
    assert str(Observation("audit", None, "e", "no line").get_message()) == "no line"
