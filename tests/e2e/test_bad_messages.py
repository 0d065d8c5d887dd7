"""A message that ends its worker, and one that makes it raise: the product goes on without anybody's hand."""

from __future__ import annotations

import uuid

from application import Application
from db import queries
from domain.commands import CalculateCommission
from scenarios.waiting import until
from settings import Settings
from tests.mutants.worker_dies_on_one import FATAL
from tests.mutants.worker_raises_on_every_tenth import EVERY
from tests.scenarios.replacing import replaced

WITHIN_S = 120  # a few starts of a process, on a machine that may be busy


def calculate(application: Application, gross: str, run: str) -> str:
    command = CalculateCommission(str(uuid.uuid4()), "aff", "cmp", gross, "USD", run)
    return application.send(command).event_ids[0]


def test_an_event_that_ends_its_worker_is_dead_lettered_and_all_others_are_notified(embedded: Settings) -> None:
    run = f"fatal-{uuid.uuid4().hex[:12]}"
    with (
        Application(embedded) as application,
        replaced(embedded, "notifications", "tests.mutants.worker_dies_on_one"),
    ):
        good = {calculate(application, "10", run) for _ in range(10)}
        fatal = calculate(application, FATAL, run)
        good |= {calculate(application, "10", run) for _ in range(10)}
        settle(application, run, good, {fatal: "killed_worker"})


def test_events_that_make_a_worker_raise_are_dead_lettered_and_all_others_are_notified(embedded: Settings) -> None:
    run = f"raising-{uuid.uuid4().hex[:12]}"
    with (
        Application(embedded) as application,
        replaced(embedded, "notifications", "tests.mutants.worker_raises_on_every_tenth"),
    ):
        ids = [calculate(application, "10", run) for _ in range(3 * EVERY)]
        with application.reading() as connection:
            tenth = {row.id for row in queries.recent_outbox(connection, 10 * EVERY) if row.seq % EVERY == 0}
        bad = tenth & set(ids)
        assert len(bad) == 3
        settle(application, run, set(ids) - bad, dict.fromkeys(bad, "failed_too_often"))


def settle(application: Application, run: str, good: set[str], bad: dict[str, str]) -> None:
    """The good are notified, the bad dead-lettered with their reasons, and never the other way round."""

    def settled() -> bool:
        with application.reading() as connection:
            return good <= queries.notification_ids(connection, run) and set(bad) <= queries.dead_letter_ids(
                connection, run
            )

    until(settled, WITHIN_S, "every event is notified of or dead-lettered", 0.2)
    with application.reading() as connection:
        assert queries.notification_ids(connection, run) == good
        letters = {
            row.event_id: row.reason for row in queries.dead_letters(connection, 500) if row.correlation_id == run
        }
    assert letters == bad
