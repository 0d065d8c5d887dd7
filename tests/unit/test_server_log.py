"""Why Debezium Server ended, as its log shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.native.diagnosis import find_cause
from stacks.native.server_log import LogFollower, read_failure

READS = "2026-11-27 13:09:11.734 INFO  io.de.co.bi.BinlogStreamingChangeEventSource Connected to binlog at 127.0.0.1:1, starting\n"
ENDED = "2026-11-27 13:08:38.802 ERROR io.de.se.ConnectorLifecycle Connector completed: success = 'false', message = '{0}', error = '{0}'\n"
REFUSED = (
    "2026-11-27 13:23:39.823 ERROR io.de.se.pu.PulsarChangeConsumer Failed to send record to outbox-events destination:"
    " org.apache.pulsar.client.api.PulsarClientException$InvalidMessageException: 6000846 bytes that exceeds 5242880\n"
)
SEEN = {
    "history_gone": (
        ENDED.format("io.debezium.DebeziumException: The db history topic is missing. You may attempt to recover it"),
        ENDED.format("io.debezium.relational.history.SchemaHistoryException: Unable to read object content"),
    ),
    "unparseable": (
        "2026-11-27 13:16:08.287 ERROR io.de.pi.ErrorHandler Producer failure: io.debezium.DebeziumException: Error\n"
        "Caused by: Multiple parsing errors\nio.debezium.text.ParsingException: DDL statement couldn't be parsed. Please open\n"
        + ENDED.format("org.apache.kafka.connect.errors.ConnectException: An exception occurred"),
    ),
    "refused": (
        ENDED.format("Connector configuration is not valid. Unable to connect: Access denied for user 'debezium'@'h'"),
    ),
    "privileges": (
        (
            "2026-11-27 13:22:40.061 ERROR io.de.pi.ErrorHandler Producer failure: io.debezium.DebeziumException: Access denied;"
            " you need (at least one of) the REPLICATION SLAVE privilege(s) for this operation Error code: 1227\n"
        ),
    ),
    "position_unreadable": (ENDED.format("java.io.StreamCorruptedException: invalid stream header: 6E6F206F"),),
}
"""Code of the cause → lines of real runs."""


@pytest.mark.parametrize(("code", "line"), [(code, line) for code, lines in SEEN.items() for line in lines])
def test_the_cause_is_found(tmp_path: Path, code: str, line: str) -> None:
    log = tmp_path / "debezium.log"
    log.write_text(READS + line)
    assert find_cause(read_failure(log)).code == code
    log.write_text(READS + line + READS)
    assert read_failure(log) == ""


def test_the_telling_line_of_a_trace_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "debezium.log"
    above = "2026-11-27 13:08:38.802 ERROR io.de.Engine Engine has failed\nCaused by: com.fasterxml.jackson.core.io.JsonEOFException: end\n"
    log.write_text(above + ENDED.format("odd"))
    assert read_failure(log) == "com.fasterxml.jackson.core.io.JsonEOFException: end"
    log.write_text(ENDED.format("odd") + "\tat somewhere\nCaused by: java.net.ConnectException: Connection refused\n")
    assert read_failure(log) == "java.net.ConnectException: Connection refused"


def test_an_error_after_which_it_tries_again_and_may_succeed_is_none(tmp_path: Path) -> None:
    log = tmp_path / "debezium.log"
    log.write_text(
        READS + "2026-11-27 13:22:44.065 ERROR io.de.pi.ErrorHandler Producer failure: unable to connect: null\n"
    )
    assert read_failure(log) == ""


def test_a_message_that_the_broker_refused_is_no_end(tmp_path: Path) -> None:
    log = tmp_path / "debezium.log"
    log.write_text(READS)
    follower = LogFollower(log)
    with log.open("a") as added:
        added.write(REFUSED)
    assert read_failure(log) == ""
    assert follower.read_failures() == []


def test_only_what_is_added_is_followed(tmp_path: Path) -> None:
    log = tmp_path / "debezium.log"
    log.write_text(ENDED.format("before"))
    follower = LogFollower(log)
    assert follower.read_failures() == []
    with log.open("a") as added:
        added.write(ENDED.format("first") + ENDED.format("second") + ENDED.format("half")[:40])
        added.flush()
        assert follower.read_failures() == ["first", "second"]
        added.write(ENDED.format("half")[40:])
    assert follower.read_failures() == ["half"]
    log.write_text(ENDED.format("rotated"))
    assert follower.read_failures() == ["rotated"]
    log.unlink()
    assert follower.read_failures() == []
    assert read_failure(log) == ""
