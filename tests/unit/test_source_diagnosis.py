"""Errors of the source as Pulsar's status and the source's log really said them, and the cause that each is taken for."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.admin import SourceStatus
from settings import Settings
from stacks.native import healing, intent
from stacks.native.diagnosis import BY_CODE, Cure, describe_error, find_cause

PRODUCER = "An exception occurred in the change event producer. This connector will be stopped."
CONNECTING = "Unexpected error while connecting to MySQL and looking at BINLOG_FORMAT mode: "
SEEN = {
    "history_gone": (
        "The db history topic is missing. You may attempt to recover it by reconfiguring the connector to SCHEMA_ONLY_RECOVERY",
        "io.debezium.DebeziumException: The db history topic is missing. You may attempt to recover it by reconfiguring the connector to SCHEMA_ONLY_RECOVERY",
    ),
    "position_gone": (
        PRODUCER,
        (
            "org.apache.kafka.connect.errors.ConnectException: An exception occurred in the change event producer. This connector will be stopped.\n"
            "\tat io.debezium.pipeline.ErrorHandler.setProducerThrowable(ErrorHandler.java:42)\n"
            "Caused by: io.debezium.DebeziumException: Client requested master to start replication from position > file size Error code: 1236; SQLSTATE: HY000.\n"
            "\t... 5 more\n"
            "Caused by: com.github.shyiko.mysql.binlog.network.ServerException: Client requested master to start replication from position > file size"
        ),
    ),
    "unparseable": (
        PRODUCER,
        (
            "org.apache.kafka.connect.errors.ConnectException: An exception occurred in the change event producer. This connector will be stopped.\n"
            "Caused by: io.debezium.text.ParsingException: DDL statement couldn't be parsed. Please open a Jira issue with the statement 'CREATE TABLE places (id INT PRIMARY KEY, at POINT NOT NULL SRID 4326)'\n"
            "Caused by: org.antlr.v4.runtime.NoViableAltException"
        ),
    ),
    "refused": (
        CONNECTING,
        (
            "io.debezium.DebeziumException: Unexpected error while connecting to MySQL and looking at BINLOG_FORMAT mode: \n"
            "Caused by: java.sql.SQLException: Access denied for user 'debezium'@'127.0.0.1' (using password: ***"
        ),
    ),
    "privileges": (
        PRODUCER,
        (
            "org.apache.kafka.connect.errors.ConnectException: An exception occurred in the change event producer. This connector will be stopped.\n"
            "Caused by: io.debezium.DebeziumException: Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s) for this operation Error code: 1227; SQLSTATE: 42000."
        ),
    ),
    "binlog_unfit": (
        "The MySQL server is not configured to use a ROW binlog_format, which is required for this connector to work properly. Change the MySQL configuration to use a binlog_format=ROW and restart the connector.",
        "",
    ),
    "unreachable": (
        CONNECTING,
        (
            "io.debezium.DebeziumException: Unexpected error while connecting to MySQL and looking at BINLOG_FORMAT mode: \n"
            "Caused by: com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure"
        ),
    ),
    "unknown": ("Something that nobody has met", ""),
}
INSTANCE = "2026-11-27T05:13:00,035 ERROR org.apache.pulsar.functions.instance.JavaInstanceRunnable - "
ENDED = f"{INSTANCE}[public/default/mysql-outbox-commissions:0] Uncaught exception in Java Instance"
NEXT = "2026-11-27T05:13:00,036 INFO  io.debezium.connector.common.BaseSourceTask - Stopping down connector"
STOPPED = f"{ENDED}\njava.lang.InterruptedException\n\tat java.base/java.lang.Thread.run(Thread.java:1474)\n{NEXT}\n"
REFUSED_MESSAGE = (
    "2026-11-27T05:35:16,514 ERROR org.apache.pulsar.functions.sink.PulsarSink - Failed to publish to topic"
    " [persistent://public/default/outbox-events] with error [org.apache.pulsar.client.api.PulsarClientException"
    "$InvalidMessageException: The producer standalone-0-0 of the topic persistent://public/default/outbox-events sends a"
    " compressed (LZ4) message with 3008253 bytes that exceeds 1048576 bytes]"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(stack="native", home=tmp_path)
    settings.logs.mkdir()
    return settings


def log(settings: Settings, text: str) -> None:
    (settings.logs / "source.log").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("code", SEEN)
def test_each_error_is_taken_for_its_cause(settings: Settings, code: str) -> None:
    status, trace = SEEN[code]
    log(settings, f"{STOPPED}{ENDED}\n{trace}\n{NEXT}\nCaused by: not of this trace\n" if trace else STOPPED)
    error = describe_error(settings, status)
    assert find_cause(error).code == code
    assert "not of this trace" not in error


def test_without_its_log_the_status_decides(settings: Settings) -> None:
    assert find_cause(describe_error(settings, SEEN["history_gone"][0])).code == "history_gone"
    assert find_cause(describe_error(settings, PRODUCER)).code == "unknown"


def test_a_message_that_the_broker_refuses_stands_above_the_trace(settings: Settings) -> None:
    log(
        settings,
        f"{REFUSED_MESSAGE}\n{ENDED}\njava.lang.Exception: Flush failed\nCaused by: java.lang.Exception: Sink Error\n",
    )
    assert find_cause(describe_error(settings, "Flush failed")).code == "oversized"


def test_a_stopped_source_has_no_trouble_and_a_failed_one_has_also_between_its_starts(settings: Settings) -> None:
    settings.run.mkdir()
    failed, starting = SourceStatus(False, SEEN["history_gone"][0], 0, 0, 0), SourceStatus(True, "", 0, 0, 0)
    assert healing.diagnose(settings, starting) is None
    trouble = healing.diagnose(settings, failed)
    assert trouble is not None
    assert trouble.cause_code == "history_gone"
    healing.write(settings, trouble)
    assert healing.diagnose(settings, starting) == trouble
    intent.write(settings, "stopped")
    assert healing.diagnose(settings, failed) is None


@pytest.mark.parametrize("code", BY_CODE)
def test_no_cure_deletes_data_and_each_that_is_left_names_a_command(code: str) -> None:
    cause = BY_CODE[code]
    left = healing.Healing(code, "", is_left=True).describe()
    assert "./alpes" in str(left)
    assert "reset`" not in str(left)
    assert cause.cure is not Cure.BY_HAND or "./alpes" in str(healing.Healing(code, "").describe())
