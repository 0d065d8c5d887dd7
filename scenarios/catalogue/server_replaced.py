"""Another MySQL server takes the place of the one whose binlog the source has read."""

from __future__ import annotations

from domain.message import Message
from scenarios import mysql_server, source_faults
from scenarios.model import Scenario
from scenarios.trial import Trial
from stacks.native import healing

DOWN_S = 3.0
KNOWN_WITHIN_S = 60.0
SERVER_ID_FILE = "auto.cnf"
"""Of MySQL's data directory; without it, the server makes itself a new id at its start."""


def experiment(trial: Trial) -> None:
    first_ids = source_faults.notify_first(trial)
    with trial.load() as load:
        with source_faults.paused_capture(trial):
            server_id = mysql_server.read_server_id(trial.settings)
            load.wait_for_more(40)
            with trial.killed("database", DOWN_S):
                (trial.settings.data / "mysql" / SERVER_ID_FILE).unlink()
            trial.wait(trial.database_answers, 60, Message("awaited.database"))
            mysql_server.begin_another_binlog(trial.settings)
            trial.say("fault", Message("injected.server_replaced"), part="database")
            trial.confirm(
                Message("confirm.server_replaced"), lambda: mysql_server.read_server_id(trial.settings) != server_id
            )
            load.wait_for_more(20)
        load.wait_for_more(20)
    source_faults.check_new_snapshot(trial, first_ids)
    # The source may have taken a snapshot by itself, because a file is gone. The watcher lets it take one in every case.
    now_id = mysql_server.read_server_id(trial.settings)
    is_known = Message("awaited.server_known")
    trial.wait(lambda: healing.read_server(trial.settings) == now_id, KNOWN_WITHIN_S, is_known, 0.2)
    trial.check(Message("check.server_known"), healing.read_server(trial.settings) == now_id)
    trial.wait_until_healthy()


SCENARIO = Scenario(
    name="server-replaced",
    quality="Replaced database server",
    hypothesis="A source whose MySQL server was replaced notices it and takes a new snapshot: nothing is lost.",
    breaks="MySQL is killed while the source is stopped; it returns with another id and an empty binlog (RESET MASTER).",
    experiment=experiment,
    stacks=("native",),
    takes_s=50,
)
