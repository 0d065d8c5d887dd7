"""Test that a scenario commits the row of another producer as it is asked, and not as an event of the run."""

from __future__ import annotations

from db import lookups
from scenarios.raw_rows import commit_raw_row
from tests.unit.trials import UnitTrial


def test_the_row_is_in_the_outbox_and_no_event_of_the_run(trial: UnitTrial) -> None:
    event_id = commit_raw_row(trial, "other-producer", {"of": trial.run_id}, version=99)
    (row,) = [row for row in trial.rows() if row.id == event_id]
    assert (row.version, row.correlation_id) == (99, f"other-producer-{trial.run_id[:8]}")
    assert event_id not in trial.committed()
    with trial.application.reading() as connection:
        assert event_id in lookups.outbox_seqs(connection, 10)
