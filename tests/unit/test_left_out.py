"""The row that Debezium Server left out is named until no row is missing any more, and the time is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.commands import CalculateCommission
from settings import Settings
from stacks.captures import capture_of
from stacks.debezium_server import DebeziumServer
from stacks.native import left_out
from stacks.native.left_out import LOOK_EVERY_S, LeftOutWatch
from tests.instances import Instance
from tests.unit.test_server_log import READS, REFUSED

LATER = REFUSED.replace("13:23:39", "13:24:00").replace("InvalidMessage", "Timeout")


class Server:
    """An outbox of one row, the log of Debezium Server, and the watch."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.settings: Settings = instance.settings.model_copy(update={"stack": "native", "capture": "debezium-server"})
        for folder in (self.settings.run, self.settings.logs):
            folder.mkdir(exist_ok=True)
        self.log = self.settings.logs / "debezium.log"
        self.log.write_text(READS)
        self._watch = LeftOutWatch(self.settings, instance.engine)
        self._now = 0.0

    def write(self, line: str) -> None:
        with self.log.open("a") as log:
            log.write(line)

    def watch(self) -> str:
        """Look again, and return since when a row is missing; empty when none is."""
        self._now += LOOK_EVERY_S
        self._watch.step(self._now)
        record = left_out.read(self.settings)
        return "" if record is None else record.at

    def publish(self) -> None:
        self.instance.pass_on()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    instance = Instance(tmp_path)
    instance.send("run", CalculateCommission("conv-1", "aff-1", "cmp-1", "1.00", "USD", "run"))
    yield Server(instance)
    instance.close()


def test_it_is_named_until_no_row_is_missing(server: Server) -> None:
    assert server.watch() == ""
    server.write(REFUSED)
    assert server.watch() == "2026-11-27 13:23:39.823"
    server.write(READS)  # a restart publishes nothing that was left out
    assert server.watch() == "2026-11-27 13:23:39.823"
    server.publish()
    assert server.watch() == ""
    assert server.watch() == ""


def test_a_later_one_is_named_again(server: Server) -> None:
    server.write(REFUSED)
    server.publish()
    assert server.watch() == ""
    server.instance.send("run", CalculateCommission("conv-2", "aff-1", "cmp-1", "1.00", "USD", "run"))
    server.write(LATER)
    assert server.watch() == "2026-11-27 13:24:00.823"


def test_it_is_named_after_its_line_has_left_the_log(server: Server) -> None:
    server.write(REFUSED)
    server.watch()
    server.log.write_text(READS)
    assert server.watch() == "2026-11-27 13:23:39.823"


def test_the_outbox_is_read_only_from_time_to_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []

    def find_missing(_: object, head: int) -> dict[int, str]:
        reads.append(head)
        return {1: "an id"}

    monkeypatch.setattr("db.missing.find_missing", find_missing)
    server.write(REFUSED)
    watch = LeftOutWatch(server.settings, server.instance.engine)
    for second in range(30):
        watch.step(1000.0 + second)
    assert len(reads) == 3


@pytest.mark.parametrize(("line", "cause"), [(REFUSED, "oversized"), (LATER, "unknown")])
def test_status_and_doctor_say_when_and_what_to_do(
    server: Server, monkeypatch: pytest.MonkeyPatch, line: str, cause: str
) -> None:
    monkeypatch.setattr("stacks.debezium_server.is_connected", lambda *_: True)
    monkeypatch.setattr("stacks.debezium_server.control", lambda _: _Running())
    capture = capture_of(server.settings)
    assert isinstance(capture, DebeziumServer)
    assert capture.check(None).light == "ok"
    server.write(line)
    time = server.watch().partition(".")[0]
    health = capture.check(None)
    assert (health.light, health.works, health.message.code) == ("behind", True, "health.left_out")
    assert health.message.params["at"] == time
    finding = capture.examine()
    assert (finding.ok, finding.cause, finding.cure) == (False, cause, None)
    assert "./alpes repair" in str(finding.advice)
    server.publish()
    assert server.watch() == ""
    assert capture.examine().ok


class _Running:
    def pid(self, _part: str) -> int:
        return 7
