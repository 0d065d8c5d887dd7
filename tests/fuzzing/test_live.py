"""The fuzzer on running parts: it passes sound ones, and it fails a worker that drops events."""

from __future__ import annotations

import secrets
from itertools import count, islice

from fuzzing.generator import make
from fuzzing.inputs import Input
from fuzzing.running import Run
from settings import Settings
from tests.scenarios.replacing import replaced


def good_inputs(number: int) -> list[Input]:
    run = secrets.token_hex(4)
    return list(islice((given for given in (make(1, run, each) for each in count()) if given.good), number))


def test_good_inputs_of_every_channel_are_applied(spoilable: Settings) -> None:
    report = Run(spoilable, good_inputs(60)).go()
    assert report.ok, report
    assert report.applied == 60
    assert min(report.requests, report.commands, report.rows) > 0


def test_a_worker_that_drops_events_loses_good_inputs(spoilable: Settings) -> None:
    with replaced(spoilable, "notifications", "tests.mutants.worker_drops_one"):
        run = Run(spoilable, good_inputs(40), patience_s=5)
        report = run.go()
    assert not report.ok
    assert report.good_lost > 0
    assert report.unaccounted >= report.good_lost
    assert any("not notified" in failure.violation.detail for failure in run.failures)
