"""Test cheaply that mutants break the property that names their defect: their classes in a run without processes.

`tests/scenarios/test_verdicts.py` runs the others on a stack, and these too with `--all`.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from application import commissions
from connectors import envelope
from db.outbox import OutboxFeed
from domain.commands import ApproveCommission, CalculateCommission
from domain.errors import ConcurrentChange
from mutants.catalogue import worker_skips_inbox
from mutants.catalogue.api_refuses_what_it_committed import TwoFaced
from mutants.catalogue.relay_changes_key import encode
from mutants.catalogue.relay_drops_one import Leaky
from mutants.catalogue.relay_forgets_checkpoint import Forgetful
from mutants.catalogue.relay_invents_one import Inventive
from mutants.catalogue.worker_drops_one import Careless
from mutants.catalogue.worker_garbles_contents import Garbling
from mutants.catalogue.worker_publishes_no_dead_letter import Silent
from mutants.catalogue.worker_writes_no_inbox_row import Uncounted
from scenarios import properties
from scenarios.observations import CounterExample
from tests.builders import delivery
from tests.instances import Instance
from workers.dead_letters import DeadLetters
from workers.inbox import Inbox
from workers.outcome import DeadLetter

RUN = str(uuid.uuid4())
PAIRS = 6
"""Of commands: enough for those that break every ninth event."""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    made = Instance(tmp_path)
    yield made
    made.close()


def send_pairs(instance: Instance) -> None:
    for number in range(PAIRS):
        calculated = instance.send(RUN, CalculateCommission(f"conversion-{number}", "a", "k", "120.50", "USD"))
        instance.send(RUN, ApproveCommission(calculated.commission_id))


def broken(instance: Instance) -> dict[str, CounterExample]:
    findings = properties.judge(instance.history(RUN))
    proofs = {name: finding.counter_example() for name, finding in findings.items()}
    return {name: proof for name, proof in proofs.items() if proof is not None}


def test_the_sound_components_break_nothing(instance: Instance) -> None:
    send_pairs(instance)
    instance.pass_on()
    assert broken(instance) == {}


@pytest.mark.parametrize(
    ("name", "components"),
    [
        ("published_what_was_committed", {"feed_type": Leaky}),
        ("nothing_uncommitted", {"feed_type": Inventive}),
        ("nothing_lost", {"inbox_type": Careless}),
        ("contents_unchanged", {"inbox_type": Garbling}),
        ("notification_and_inbox_agree", {"inbox_type": Uncounted}),
    ],
)
def test_a_mutant_breaks_the_property_that_names_its_defect(
    instance: Instance, name: str, components: dict[str, Any]
) -> None:
    send_pairs(instance)
    instance.pass_on(**components)
    assert name in broken(instance)


def test_a_worker_without_an_inbox(instance: Instance) -> None:
    worker_skips_inbox.allow_doubles(instance.engine)
    send_pairs(instance)
    instance.pass_on(inbox_type=worker_skips_inbox.Forgetful)
    found = broken(instance)
    assert "effect_once" in found
    first, second = found["effect_once"].events
    assert first.id == second.id
    assert first.at != second.at


def test_a_relay_that_changes_keys(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    send_pairs(instance)
    monkeypatch.setattr(envelope, "encode", encode)
    instance.pass_on()
    found = broken(instance)
    assert found.keys() == {"key_unchanged"}
    text_at = {event.place: event.text for event in found["key_unchanged"].events}
    assert text_at.keys() == {"database", "broker"}
    assert found["key_unchanged"].events[0].id in text_at["broker"]  # the key is the event's id


def test_an_api_that_refuses_what_it_committed(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commissions, "SqlUnitOfWork", TwoFaced)
    with pytest.raises(ConcurrentChange):
        send_pairs(instance)
    instance.pass_on()
    assert broken(instance).keys() == {"refused_leaves_nothing"}


def test_a_relay_that_forgets_its_checkpoint(instance: Instance) -> None:
    OutboxFeed(instance.engine).save_checkpoint(7)
    assert (OutboxFeed(instance.engine).load_checkpoint(), Forgetful(instance.engine).load_checkpoint()) == (7, 0)


def test_a_worker_that_publishes_no_dead_letter(instance: Instance) -> None:
    inbox = Inbox(instance.engine, "notifications")
    poison = delivery(f"garbage of {RUN}".encode(), 1, instance.settings.topics.events)
    letters = DeadLetters(inbox, Silent.__new__(Silent), threading.Event(), lambda _why: None)
    assert letters.store_and_publish(poison, None, DeadLetter("not_an_envelope", "why"), 1)
    inbox.close()
    history = instance.history(RUN)
    assert [letter.reason for letter in history.dead_letters] == ["not_an_envelope"]
    assert "dead_letters_in_topic_and_table" in broken(instance)
