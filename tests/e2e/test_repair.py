"""Events that are committed and never arrive are published again, and no others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from application import Application
from db.engine import connect
from db.outbox import OutboxFeed
from scenarios import end_to_end, repair
from scenarios.reconciliation import DIFFER, reconcile
from settings import Settings
from settings.model import REPOSITORY
from stacks import faults
from tests.conftest import root_url
from tests.withholding import calculate, withhold_from_binlog


def withhold(settings: Settings, count: int) -> set[str]:
    """Commit events that the capture never sees, and return their ids."""
    if settings.stack == "native":  # as a restored replica or a careless script: rows that the binlog does not have
        return withhold_from_binlog(settings, root_url(settings), count)
    faults.kill(settings, "relay", hold_s=60)
    engine = connect(settings.database_url, pool_size=1)
    feed = OutboxFeed(engine)
    feed.save_checkpoint(feed.head() + count)  # as a relay that saves a checkpoint which it has not reached
    feed.close()
    engine.dispose()
    faults.release(settings, "relay")
    return calculate(settings, count)


def find_differing(settings: Settings) -> set[str]:
    """Return the events that are not the same in all sources, without those that are out of order."""
    with Application(settings, pool_size=4) as application:
        found = reconcile(application, settings)
    return {event_id for name in DIFFER if name != "out_of_order" for event_id in getattr(found, name)}


def run_repair(settings: Settings) -> dict[str, Any]:
    """Run `./alpes repair --json`, and return what it prints."""
    ran = subprocess.run(
        [sys.executable, "-m", "cli", "repair", "--stack", settings.stack, "--json"],
        cwd=REPOSITORY,
        env={**os.environ, "ALPES_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        check=False,  # where other tests left differences, it fails
    )
    printed: dict[str, Any] = json.loads(ran.stdout)
    return printed


@pytest.fixture(scope="module")
def repairable(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """A stack of this file's own where it is quick to start: other tests may lose events of the shared one on purpose."""
    with end_to_end.running("embedded", private=True) as settings:
        yield settings


@pytest.fixture(params=["embedded", pytest.param("native", marks=pytest.mark.native)])
def stack(request: pytest.FixtureRequest) -> Settings:
    name = "repairable" if request.param == "embedded" else "native_stack"
    settings: Settings = request.getfixturevalue(name)
    return settings


@pytest.mark.parametrize("count", [1, 100, pytest.param(10_000, marks=[pytest.mark.breadth, pytest.mark.timeout(600)])])
def test_exactly_the_missing_events_are_published_again(stack: Settings, count: int) -> None:
    calculate(stack, 3)
    assert repair.find_missing_events(stack, print) == {}
    differing = find_differing(stack)  # other tests of a shared stack put foreign messages and rows into it
    missing = withhold(stack, count)
    calculate(stack, 3)
    assert set(repair.find_missing_events(stack, print).values()) == missing
    printed = run_repair(stack)
    expected = {"missing": count, "published_again": count, "others_published": 0}
    assert expected.items() <= printed.items()
    afterwards = find_differing(stack)
    assert afterwards <= differing
    assert not afterwards & missing
    assert printed["reconciled"] is (not afterwards)
    again = repair.repair(stack, print)
    assert (again.missing, again.published_again, again.others_published) == (0, 0, 0)


def test_nothing_is_published_while_a_component_is_down(repairable: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = withhold(repairable, 2)
    monkeypatch.setattr(repair, "HEALTHY_WITHIN_S", 1.0)
    faults.kill(repairable, "notifications", hold_s=60)
    with pytest.raises(repair.NotHealthy, match="notifications is down"):
        repair.repair(repairable, print)
    faults.release(repairable, "notifications")
    monkeypatch.undo()
    repaired = repair.repair(repairable, print)
    assert (repaired.ok, repaired.missing) == (True, len(missing))
