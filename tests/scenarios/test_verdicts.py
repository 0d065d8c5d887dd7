"""Every scenario passes on a sound system and fails on a broken one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from application import Application
from scenarios import end_to_end, runner
from scenarios.catalogue import scenarios
from scenarios.model import Result
from scenarios.observations import MOST
from scenarios.properties import PROPERTIES
from scenarios.reconciliation import reconcile
from settings import Settings
from tests.scenarios.replacing import replaced

EMBEDDED = [name for name, each in scenarios().items() if "embedded" in each.stacks]
NATIVE = ["kill-broker", "restart-source", "kill-database", "kill-worker"]

MUTANTS = {
    ("relay", "relay_drops_one"): {"eventual-consistency": "lost", "backpressure": "lost", "dual-write": "lost"},
    ("relay", "relay_swaps_two"): {"restart-source": "out_of_order", "kill-broker": "out_of_order"},
    ("notifications", "worker_skips_inbox"): {
        "kill-worker": "duplicated_effects",
        "lost-offsets": "duplicated_effects",
    },
    ("notifications", "worker_drops_one"): {"replay": "lost"},
    ("notifications", "worker_acknowledges_early"): {"kill-worker": "lost"},
    ("notifications", "worker_swallows_bad_ones"): {"poison-message": "lost"},
    ("api", "api_two_transactions"): {"atomicity": ""},
    ("api", "api_forgets"): {"duplicate-command": ""},
    ("audit", "audit_never_looks_back"): {"audit": "lost"},
    ("notifications", "worker_garbles_contents"): {"duplicate-command": "contents_differ"},
    ("notifications", "worker_does_not_hold"): {"poison-message": "out_of_order"},
    ("audit", "audit_lies"): {"duplicate-command": "contents_differ"},
    ("relay", "relay_changes_key"): {"duplicate-command": "key_unchanged"},
    ("relay", "relay_invents_one"): {"duplicate-command": "never_committed"},
    ("notifications", "worker_writes_no_inbox_row"): {"duplicate-command": "notification_and_inbox_agree"},
    ("notifications", "worker_publishes_no_dead_letter"): {"poison-message": "dead_letters_in_topic_and_table"},
    ("api", "api_refuses_what_it_committed"): {"duplicate-command": "refused_leaves_nothing"},
    ("relay", "relay_forgets_checkpoint"): {"restart-source": ""},
}
"""(part, module in its place) → scenario → the count that must not be 0, or the property that must not hold; where none is
named, a check of its own fails."""

SEEN_IN_UNIT_TESTS = {
    "relay_changes_key",
    "relay_invents_one",
    "worker_writes_no_inbox_row",
    "worker_publishes_no_dead_letter",
    "api_refuses_what_it_committed",
    "relay_forgets_checkpoint",
}
"""Mutants whose defect `tests/unit/test_mutants.py` sees without a stack."""

NATIVE_MUTANTS = {
    "worker_drops_one": {"restart-source": "lost", "kill-broker": "lost"},
    "worker_acknowledges_early": {"kill-database": "lost"},
    "worker_skips_inbox": {"kill-worker": "duplicated_effects"},
}


@pytest.mark.parametrize("name", EMBEDDED)
def test_passes_on_the_embedded_stack(embedded: Settings, name: str) -> None:
    passes(runner.run(embedded, name, seed=1))


@pytest.mark.native
@pytest.mark.parametrize("name", NATIVE)
def test_passes_on_the_native_stack(native_stack: Settings, name: str) -> None:
    passes(runner.run(native_stack, name, seed=1))


@pytest.fixture(scope="module")
def stack_for_mutants() -> Iterator[Settings]:
    """A stack apart from the sound one, since what a mutant has done stays in its data."""
    with end_to_end.running("embedded", private=True) as settings:
        yield settings


@pytest.fixture(scope="module")
def broken(stack_for_mutants: Settings, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """A stack with a mutant in place of a part; tests of the same mutant share it."""
    part, module = request.param
    with replaced(stack_for_mutants, part, f"tests.mutants.{module}"):
        yield stack_for_mutants


@pytest.mark.parametrize(
    ("broken", "name", "count"),
    [
        pytest.param(
            mutant,
            name,
            count,
            id=f"{mutant[1]}-{name}",
            marks=[pytest.mark.breadth] if number or mutant[1] in SEEN_IN_UNIT_TESTS else [],
        )
        for mutant, counts in MUTANTS.items()
        for number, (name, count) in enumerate(counts.items())
    ],
    indirect=["broken"],
    scope="module",
)
def test_fails_on_a_broken_system(broken: Settings, name: str, count: str) -> None:
    result = runner.run(broken, name, seed=1)
    fails(result, count)
    if count == "contents_differ":
        _differences_are_named(broken, result)


def _differences_are_named(settings: Settings, result: Result) -> None:
    """By the run's evidence and by `reconcile`: field, expected, seen."""
    assert any("payload.amount is" in text for text in result.wrong_event_ids["contents differ"])
    with Application(settings, pool_size=1) as application:
        found = reconcile(application, settings, result.run_id)
    assert not found.complete
    wrong = {(each.field, each.seen) for each in found.differences}
    assert ("payload.amount", '"0.00"') in wrong


@pytest.mark.native
@pytest.mark.parametrize(
    ("module", "name", "count"),
    [
        pytest.param(module, name, count, id=f"{module}-{name}", marks=[pytest.mark.breadth] if number else [])
        for number, (module, name, count) in enumerate(
            (module, name, count) for module, counts in NATIVE_MUTANTS.items() for name, count in counts.items()
        )
    ],
)
def test_fails_on_a_broken_native_system(native_stack: Settings, module: str, name: str, count: str) -> None:
    with replaced(native_stack, "notifications", f"tests.mutants.{module}"):
        fails(runner.run(native_stack, name, seed=1), count)


def test_every_scenario_has_been_seen_to_fail() -> None:
    seen = {name for each in MUTANTS.values() for name in each} | {n for e in NATIVE_MUTANTS.values() for n in e}
    assert seen == set(scenarios())


def passes(found: Result) -> None:
    assert found.verdict == "PASS", found.reason
    assert found.fault_confirmed
    counts = found.counts
    assert (counts.lost, counts.duplicated_effects, counts.out_of_order) == (0, 0, 0)
    assert found.properties == dict.fromkeys(PROPERTIES, True)
    assert found.counter_example is None
    assert counts.committed == counts.published == counts.notifications == counts.audited > 0


def fails(found: Result, count: str) -> None:
    assert found.verdict == "FAIL", f"{found.name}: {found.reason}"
    if count in found.properties:
        assert not found.properties[count], found.reason
    elif count:
        assert getattr(found.counts, count) > 0, found.reason
    if not all(found.properties.values()):
        assert found.counter_example is not None
        assert 1 <= len(found.counter_example.events) <= MOST
