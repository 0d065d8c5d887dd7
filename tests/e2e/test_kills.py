"""SIGKILL of any one process under load: nothing lost, effects once, and the system whole again without a hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connectors.broker import Broker, Publisher, Subscription
from db.engine import connect
from scenarios.waiting import until
from settings import Settings
from settings.model import REPOSITORY
from stacks import faults, health, instance, processes
from stacks.supervisor import Supervisor
from tests.e2e.load import Load

MESSAGE_BYTES = (1, 1_000, 16_383, 16_384, 16_385, 65_536, 1_000_000, 4_000_000)
EVERYWHERE = ("broker", "notifications", "observer", "audit", "commands", "watcher", "api")


@pytest.mark.parametrize("part", [*EVERYWHERE, "relay"])
def test_any_part_of_the_embedded_stack_may_be_killed(embedded: Settings, part: str) -> None:
    survives(embedded, part)


@pytest.mark.native
@pytest.mark.parametrize("part", [*EVERYWHERE, "database"])
def test_any_part_of_the_native_stack_may_be_killed(native_stack: Settings, part: str) -> None:
    survives(native_stack, part)


def survives(settings: Settings, part: str) -> None:
    supervisor = Supervisor(settings)
    with Load(settings) as load:
        before = supervisor.pid(part)
        faults.kill(settings, part)
        until(lambda: supervisor.pid(part) not in (0, before), 30, f"{part} started again")
        load.wait_for_more(50)
        found = load.finish()
        assert load.lost() == set()
        assert found.committed == found.published == found.notified == found.audited >= 70
        assert (found.doubled, found.out_of_order) == ((), ())


def test_messages_of_every_size_can_be_read_after_the_broker_was_killed(stack: Settings) -> None:
    """A restarted broker has no message in its cache and must read each from its disk."""
    supervisor = Supervisor(stack)
    topic = stack.topics.naive
    bodies = [bytes([number]) * size for number, size in enumerate(MESSAGE_BYTES)]
    subscription = Subscription(Broker(stack), [topic], "sizes")
    publisher = Publisher(Broker(stack), topic)
    try:
        until(subscription.ensure_connected, 10, "a subscription")
        for body in bodies:
            publisher.send(body)
        subscription.close()
        before = supervisor.pid("broker")
        faults.kill(stack, "broker")
        until(lambda: supervisor.pid("broker") not in (0, before), 30, "a new broker")
        received: dict[str, bytes] = {}

        def all_are_received() -> bool:
            received.update((each.message_id, each.value) for each in subscription.receive(20, 0.5))
            return len(received) >= len(bodies)

        until(all_are_received, 60, "every message again")
        assert sorted(received.values()) == sorted(bodies)
        subscription.unsubscribe()
    finally:
        subscription.close()
        publisher.close()


@pytest.mark.native
def test_a_frozen_database_is_reported_and_hides_no_other_component(native_stack: Settings) -> None:
    pid = Supervisor(native_stack).pid("database")
    engine = connect(native_stack.worker_url, pool_size=1)
    # The API runs, and says that it cannot accept commands.
    expected = {"database": "down", "source": "behind", "broker": "ok", "api": "behind"}
    try:
        # A test before may have killed the broker, and the source is started after it.
        until(lambda: all(row.works for row in health.check(native_stack, engine)), 60, "every component works", 0.5)
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        lights = [{row.part: row.light for row in health.check(native_stack, engine)}]
        took_s = time.monotonic() - began

        def is_reported() -> bool:
            lights.append({row.part: row.light for row in health.check(native_stack, engine)})
            return expected.items() <= lights[-1].items()

        until(is_reported, 10, f"{expected}; it says {lights}")  # an answer may be on its way when the database freezes
    finally:
        os.kill(pid, signal.SIGCONT)
        engine.dispose()
    assert {row["broker"] for row in lights} == {"ok"}
    assert took_s < 10, "the driver waits for a silent server for 30 s"
    with Load(native_stack) as load:
        assert load.finish().committed >= 20


def test_a_part_under_a_lease_stays_down_and_comes_back(embedded: Settings) -> None:
    supervisor = Supervisor(embedded)
    with Load(embedded) as load:
        faults.kill(embedded, "broker", hold_s=60)
        load.wait_for_more(50)  # commands go on while the broker is away
        assert "broker" in faults.active(embedded)
        faults.release(embedded, "broker")
        found = load.finish()
        assert supervisor.pid("broker")
        assert (load.failed, load.lost()) == (0, set())
        assert found.committed == found.notified == found.audited


def test_a_private_instance_goes_with_its_owner(tmp_path: Path) -> None:
    program = (
        "import signal; from scenarios import end_to_end\n"
        "with end_to_end.running('embedded', private=True) as made: print(made.home, flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        home = Path(owner.stdout.readline().strip())
        settings = instance.find(home=home)
        try:
            assert processes.find_processes(settings)
        finally:
            owner.kill()
    until(lambda: not processes.find_processes(settings) and not home.exists(), 30, "nothing is left of it")


def test_the_killed_supervisor_comes_back(stack: Settings) -> None:
    supervisor = Supervisor(stack)
    with Load(stack) as load:
        before = supervisor.pid_of_itself()
        os.kill(before, signal.SIGKILL)
        until(lambda: supervisor.pid_of_itself() not in (0, before) and supervisor.running(), 60, "a new supervisor")
        found = load.finish(120)
        assert load.lost() == set()
        assert found.committed == found.published == found.notified == found.audited >= 20
