"""The fuzzer on running parts: it passes sound ones, and it fails a worker that drops events or that dies."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from itertools import count, islice

import pytest

from fuzzing.generator import generate_input
from fuzzing.inputs import Input, Message
from fuzzing.running import Run, generate_inputs
from settings import Settings
from tests.scenarios.replacing import replaced


def good_inputs(number: int) -> list[Input]:
    run = secrets.token_hex(4)
    return list(
        islice(
            (fuzz_input for fuzz_input in (generate_input(1, run, each) for each in count()) if fuzz_input.good), number
        )
    )


def test_good_inputs_of_every_channel_are_applied(spoilable: Settings) -> None:
    report = Run(spoilable, good_inputs(60)).execute()
    assert report.ok, report
    assert report.applied == 60
    assert min(report.requests, report.commands, report.rows) > 0


def test_every_hostile_input_is_accounted_for_and_nothing_dies(spoilable: Settings) -> None:
    run = Run(spoilable, generate_inputs(1500, 1, secrets.token_hex(4)), 1)
    report = run.execute()
    assert report.ok, (report, run.failures[:3])
    assert min(report.refused, report.dead_lettered, report.applied) > 100


def test_a_worker_that_drops_events_loses_good_inputs(spoilable: Settings) -> None:
    with replaced(spoilable, "notifications", "mutants.catalogue.worker_drops_one"):
        run = Run(spoilable, good_inputs(40), patience_s=10)
        report = run.execute()
    assert not report.ok
    assert 0 < report.good_lost < report.applied
    assert report.unaccounted >= report.good_lost
    assert any("not notified" in failure.violation.detail for failure in run.failures)


@pytest.mark.breadth
def test_a_worker_that_garbles_contents_changes_what_arrives(spoilable: Settings) -> None:
    with replaced(spoilable, "notifications", "mutants.catalogue.worker_garbles_contents"):
        run = Run(spoilable, good_inputs(20))
        report = run.execute()
    assert report.unaccounted == 20
    assert {failure.violation.fault for failure in run.failures} == {"changed"}


@pytest.mark.breadth
def test_a_worker_that_dies_on_one_message_is_seen_to_die(spoilable: Settings) -> None:
    good = good_inputs(20)
    fatal = next(fuzz_input for fuzz_input in good if isinstance(fuzz_input, Message))
    fatal = replace(fatal, value=re.sub(rb'"grossAmount":"[0-9.]+"', b'"grossAmount":"9999.99"', fatal.value))
    with replaced(spoilable, "notifications", "mutants.catalogue.worker_dies_on_one"):
        report = Run(spoilable, [fatal, *(fuzz_input for fuzz_input in good if fuzz_input.tag != fatal.tag)]).execute()
    assert set(report.died) == {"notifications"}
    assert not report.ok
    assert report.good_lost == 1  # the fatal one is dead-lettered, and the others arrive
