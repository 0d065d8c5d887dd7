"""The capture pauses for longer than the binlog is kept: what it had not read is in no binlog any more."""

from __future__ import annotations

from domain.message import Message
from scenarios import mysql_server, source_faults
from scenarios.model import Scenario
from scenarios.trial import Trial


def experiment(trial: Trial) -> None:
    first_ids = source_faults.notify_first(trial)
    with trial.load() as load:
        with source_faults.paused_capture(trial):
            binlogs = mysql_server.list_binlogs(trial.settings)
            load.wait_for_more(40)

            def purge() -> None:
                mysql_server.purge_binlogs(trial.settings)

            with trial.injected("database", Message("fault.binlog_purged"), purge):
                trial.confirm(
                    Message("confirm.binlog_purged", n=len(binlogs)),
                    lambda: not binlogs & mysql_server.list_binlogs(trial.settings),
                )
                load.wait_for_more(20)
        load.wait_for_more(20)
    source_faults.check_new_snapshot(trial, first_ids)


SCENARIO = Scenario(
    name="binlog-purged",
    quality="Long pause of the capture",
    hypothesis="A source whose place in the binlog was purged takes a new snapshot: nothing is lost, repeats are absorbed.",
    breaks="The source is stopped while commands are sent, and every binlog file that it had not read is purged.",
    experiment=experiment,
    stacks=("native",),
    takes_s=30,
)
