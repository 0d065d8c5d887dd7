"""Somebody runs statements on other tables that Debezium cannot parse."""

from __future__ import annotations

from domain.message import Message
from scenarios import mysql_server
from scenarios.model import Scenario
from scenarios.trial import Trial

TABLE = "places_of_scenario"
USER = "'rotated_of_scenario'@'localhost'"
SYSTEM = 990_001
DEFINITION = (
    'GEOGCS["WGS 84",DATUM["World Geodetic System 1984",SPHEROID["WGS 84",6378137,298.257223563]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.017453292519943278],AXIS["Lat",NORTH],AXIS["Lon",EAST]]'
)
STATEMENTS = (
    f"CREATE TABLE {TABLE} (id INT PRIMARY KEY, at POINT NOT NULL SRID 4326)",
    f"CREATE USER {USER} IDENTIFIED BY 'first'",
    f"ALTER USER {USER} IDENTIFIED BY 'second' RETAIN CURRENT PASSWORD",
    f"CREATE SPATIAL REFERENCE SYSTEM {SYSTEM} NAME 'of a scenario' DEFINITION '{DEFINITION}'",
)
"""Debezium 1.9.7 knows neither a column's SRID nor the rotation of a password as MySQL writes it to the binlog. Both it and
Debezium Server 3.6.3 do not know a reference system."""
CLEANING = (
    f"DROP TABLE IF EXISTS {TABLE}",
    f"DROP USER IF EXISTS {USER}",
    f"DROP SPATIAL REFERENCE SYSTEM IF EXISTS {SYSTEM}",
)
IN_BINLOG = ("SRID 4326", "RETAIN CURRENT PASSWORD", "CREATE SPATIAL REFERENCE SYSTEM")


def experiment(trial: Trial) -> None:
    def run_statements() -> None:
        mysql_server.execute(trial.settings, *CLEANING, *STATEMENTS)

    file, place = mysql_server.read_binlog_end(trial.settings)
    with trial.load() as load, trial.cleaned_up(lambda: mysql_server.execute(trial.settings, *CLEANING)):
        with trial.injected("database", Message("fault.statement"), run_statements):
            trial.confirm(Message("confirm.unparseable"), lambda: _are_in_binlog(trial, file, place))
        load.wait_for_more(40)
        with trial.restarted(trial.capture_part):  # it reads its schema history again
            load.wait_for_more(20)
    trial.wait_until_notified(trial.acknowledged, 60)
    trial.wait_until_healthy()


def _are_in_binlog(trial: Trial, file: str, place: int) -> bool:
    statements = mysql_server.read_binlog(trial.settings, file, place)
    return all(any(words in statement for statement in statements) for words in IN_BINLOG)


SCENARIO = Scenario(
    name="unparseable-ddl",
    quality="Foreign statements",
    hypothesis="A statement on another table that Debezium cannot parse holds up nothing.",
    breaks="Under load, a spatial column, a rotated password and a spatial reference system are made beside the outbox; then the source is restarted.",
    experiment=experiment,
    stacks=("native",),
    takes_s=15,
)
