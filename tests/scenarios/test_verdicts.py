"""Every scenario passes on a sound system and fails on a broken one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from application import Application
from mutants import running
from mutants.catalogue import draw_sample, find_scenario, module_of, mutants
from scenarios import runner
from scenarios.catalogue import scenarios
from scenarios.model import Result
from scenarios.observations import MOST
from scenarios.properties import PROPERTIES
from scenarios.reconciliation import reconcile
from settings import Settings
from settings.stack_facts import STACKS
from tests.scenarios.replacing import installed, replaced

EMBEDDED = [name for name, each in scenarios().items() if "embedded" in each.stacks]
NATIVE = ["kill-broker", "restart-source", "kill-database", "kill-worker", "schema-change"]
NATIVE_LONG = [
    "binlog-purged",
    "history-lost",
    "server-replaced",
    "older-binlog",
    "unparseable-ddl",
    "oversized-row",
    "capture-upgrade",
]
"""Only with `--all`; `tests/e2e/test_source_heals.py` has the same faults without a load."""

OF_THE_BINLOG = [
    "long-transaction",
    "delete-after-insert",
    "outbox-truncated",
    "unlogged-write",
    "idle-capture",
    "large-insert",
    "xa-rollback",
]
"""Scenarios about what MySQL's binlog shows. The last one publishes an event that was never committed."""

NATIVE_MUTANTS = [
    "worker_drops_one",
    "worker_acknowledges_early",
    "worker_skips_inbox",
    "worker_ignores_repairs",
    "worker_makes_up_commissions",
    "relay_polls_mysql",
    "worker_refuses_new_columns",
    "watcher_heals_no_source",
    "watcher_misses_lost_readers",
    *(name for name, mutant in mutants().items() if not mutant.runs_module),
]
SAMPLE = 2
"""Mutants that each day runs; `--all` runs every mutant under every scenario that must find it."""
TODAY = int(datetime.now(UTC).strftime("%Y%m%d"))
"""The seed of the sample: `./alpes scenario mutants --sample 2 --seed 20260131` runs that day's again."""


def pairs(names: list[str], scenario_names: list[str], sample: int) -> list[Any]:
    """Return mutant and scenario, those outside today's sample marked as long."""
    drawn = {(name, find_scenario(name, set(scenario_names))) for name in draw_sample(names, sample, TODAY)}
    return [
        pytest.param(
            name,
            scenario,
            id=f"{name}-{scenario}-{TODAY}" if (name, scenario) in drawn else f"{name}-{scenario}",
            marks=[] if (name, scenario) in drawn else [pytest.mark.breadth],
        )
        for name in names
        for scenario in mutants()[name].caught_by
        if scenario in scenario_names
    ]


@pytest.mark.parametrize("name", EMBEDDED)
def test_passes_on_the_embedded_stack(embedded: Settings, name: str) -> None:
    passes(runner.run(embedded, name, seed=1))


@pytest.mark.native
@pytest.mark.parametrize("name", [*NATIVE, *(pytest.param(name, marks=pytest.mark.breadth) for name in NATIVE_LONG)])
def test_passes_on_the_native_stack(native_stack: Settings, name: str) -> None:
    passes(runner.run(native_stack, name, seed=1))


@pytest.mark.native
@pytest.mark.breadth
@pytest.mark.parametrize("name", OF_THE_BINLOG)
def test_passes_whatever_the_binlog_shows(native_stack: Settings, name: str) -> None:
    found = runner.run(native_stack, name, seed=1)
    assert found.verdict == "PASS", found.reason
    assert found.fault_confirmed
    assert found.properties == dict.fromkeys(PROPERTIES, True)
    with Application(native_stack, pool_size=1) as application:
        assert not reconcile(application, native_stack, found.run_id).never_committed


@pytest.mark.parametrize(("name", "scenario"), pairs(running.select_names("embedded"), EMBEDDED, SAMPLE))
def test_fails_on_a_broken_system(name: str, scenario: str) -> None:
    trial = running.try_mutant(name, "embedded", scenario)
    assert trial.ok, trial
    if trial.caught_by in PROPERTIES:
        assert 1 <= trial.counter_example_events <= MOST


@pytest.mark.native
@pytest.mark.parametrize(("name", "scenario"), pairs(NATIVE_MUTANTS, NATIVE + NATIVE_LONG + OF_THE_BINLOG, 0))
def test_fails_on_a_broken_native_system(native_stack: Settings, name: str, scenario: str) -> None:
    # Not on an instance of its own, as the embedded ones: starting the native stack takes longer than the scenario.
    with installed(native_stack, name):
        result = runner.run(native_stack, scenario, seed=running.SEED)
    trial = running.judge(name, scenario, result, 0)
    assert trial.ok, trial


def test_every_scenario_has_been_seen_to_fail() -> None:
    """But for those that need a cluster: a mutant of a bookie or of one broker among several is not ours to write."""
    of_one_machine = {name for name, scenario in scenarios().items() if any(map(scenario.runs_on, STACKS))}
    assert {scenario for mutant in mutants().values() for scenario in mutant.caught_by} == of_one_machine


def test_contents_that_differ_are_named_by_field(embedded: Settings) -> None:
    """By the run's evidence and by `reconcile`: field, expected, seen."""
    with replaced(embedded, "notifications", module_of("worker_garbles_contents")):
        result = runner.run(embedded, "duplicate-command", seed=1)
    assert any("payload.amount is" in text for text in result.wrong_event_ids["contents differ"])
    with Application(embedded, pool_size=1) as application:
        found = reconcile(application, embedded, result.run_id)
    assert not found.complete
    wrong = {(each.field, each.seen) for each in found.differences}
    assert ("payload.amount", '"0.00"') in wrong


def passes(found: Result) -> None:
    assert found.verdict == "PASS", found.reason
    assert found.fault_confirmed
    counts = found.counts
    assert (counts.lost, counts.duplicated_effects, counts.out_of_order) == (0, 0, 0)
    assert found.properties == dict.fromkeys(PROPERTIES, True)
    assert found.counter_example is None
    assert counts.committed == counts.published == counts.notifications == counts.audited > 0
