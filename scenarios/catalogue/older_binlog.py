"""MySQL returns with an older data directory: its binlog goes on below the position that the source has read."""

from __future__ import annotations

from domain.message import Message
from scenarios import mysql_server, source_faults
from scenarios.model import Scenario
from scenarios.trial import Trial

DOWN_S = 3.0
PASSES_WITHIN_S = 60.0
PAIRS = 10


def experiment(trial: Trial) -> None:
    """Remove the newest binlog files only: with older tables too, what a client was told would be gone, whatever the source does."""
    settings = trial.settings
    first_ids = source_faults.notify_first(trial)
    mysql_server.execute(settings, "FLUSH BINARY LOGS")
    trial.send_pairs(PAIRS)
    trial.wait_until_notified(trial.acknowledged)
    with source_faults.paused_capture(trial):
        file, place = mysql_server.read_binlog_end(settings)
        with trial.killed("database", DOWN_S):
            mysql_server.remove_binlogs_from(settings.data / "mysql", file)
        trial.wait(trial.database_answers, 60, Message("awaited.database"))
        trial.say("fault", Message("injected.older_binlog", file=file), part="database")
        trial.confirm(
            Message("confirm.older_binlog", file=file, n=place),
            lambda: mysql_server.read_binlog_end(settings) < (file, place),
        )

        def pass_old_end() -> bool:
            """Write until the source's position exists again and means something else."""
            trial.send_pairs(PAIRS)
            return mysql_server.read_binlog_end(settings) > (file, place)

        trial.wait(pass_old_end, PASSES_WITHIN_S, Message("awaited.binlog_passes"))
    trial.send_pairs(PAIRS)
    source_faults.check_new_snapshot(trial, first_ids)


SCENARIO = Scenario(
    name="older-binlog",
    quality="Restored data directory",
    hypothesis="A source whose MySQL returned with an older binlog notices it and takes a new snapshot: nothing is lost.",
    breaks="MySQL is killed while the source is stopped, and returns without its newest binlog files; the new ones pass the source's position.",
    experiment=experiment,
    stacks=("native",),
    takes_s=50,
)
