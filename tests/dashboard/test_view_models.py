"""Latencies, faults, loads, the other ways to do it, and what one event's way is made of."""

from __future__ import annotations

import json
import shlex
import threading
from pathlib import Path
from typing import Any

import pytest

from dashboard.view_models import faults, how, latencies, observer_reader, tracing, words
from dashboard.view_models.commands import within
from dashboard.view_models.load import AlreadyRunning, Load
from dashboard.view_models.observer_reader import LineCount, ObserverReader
from dashboard.view_models.snapshot import YOUNG, Sample, Timed
from db.errors import DatabaseUnavailable
from domain.errors import DuplicateConversion, InvalidField
from domain.message import Message, verbatim
from scenarios.waiting import until
from settings import Settings
from stacks.faults import Lease
from tests.builders import delivery, record
from workers.observer import build_observed
from workers.observer_store import ObserverStore

HOPS = {"occurred": 0, "committed": 2000, "captured": 1500, "published": 3000, "received": 5000, "persisted": 9000}


def timed(number: int, hops: dict[str, int] | None = None) -> Timed:
    return Timed(
        f"event-{number}", number, "CommissionCalculated", f"commission-{number}", "run", HOPS if hops is None else hops
    )


def test_a_negative_hop_is_kept_as_it_was_measured() -> None:
    assert latencies.hop_ms(HOPS)["committed→captured"] == -0.5
    step = tracing.steps(HOPS)[1]
    assert (step.start, step.end, step.from_ms, step.ms, step.resolution_ms) == (
        "committed",
        "captured",
        2.0,
        -0.5,
        1.0,
    )


def test_hops_that_were_not_measured_are_bridged_not_made_up() -> None:
    assert [(step.start, step.end) for step in tracing.steps({"occurred": 0, "persisted": 7000})] == [
        ("occurred", "persisted")
    ]
    assert latencies.hop_ms({"occurred": 0, "persisted": 7000}) == {"end_to_end": 7.0}
    assert tracing.steps({}) == []


def test_percentiles_by_hop_are_of_the_events_measured() -> None:
    events = [timed(n, {"occurred": 0, "persisted": n * 1000}) for n in range(1, 101)]
    found = latencies.by_hop(events)
    assert list(found) == ["end_to_end"]
    assert (found["end_to_end"].n, found["end_to_end"].p50, found["end_to_end"].largest) == (100, 50.5, 100.0)


def test_rolling_percentiles_look_back_so_far_and_no_further() -> None:
    assert latencies.rolling([5, 1, 1, 1], 0.5, behind=2) == [5, 5, 1, 1]
    assert latencies.rolling([], 0.5) == []


def test_a_window_takes_the_newest() -> None:
    events = [timed(n, {"occurred": 0, "persisted": n * 1_000_000}) for n in range(10)]
    assert [event.seq for event in latencies.within(events, 3, None, 9)] == [6, 7, 8, 9]
    assert [event.seq for event in latencies.within(events, None, 2, 9)] == [8, 9]


def test_rates_leave_out_what_a_reset_did() -> None:
    samples = [Sample(0, 0, 0, 0), Sample(2, 10, 8, 6), Sample(3, 0, 0, 0), Sample(4, 1, 1, 1)]
    found = latencies.rates(samples, None, 4)
    assert [(rate.produced, rate.consumed, rate.backlog) for rate in found] == [(5.0, 3.0, 4), (1.0, 1.0, 0)]


def test_the_csv_has_a_line_an_event_and_leaves_unknown_cells_empty() -> None:
    lines = latencies.csv([timed(1), timed(2, {"occurred": 0})]).splitlines()
    assert len(lines) == 3
    head, first, second = (line.split(",") for line in lines)
    assert len(head) == len(first) == len(second)
    assert first[head.index("committed→captured_ms")] == "-0.500"
    assert second[head.index("end_to_end_ms")] == ""


def test_a_fault_window_lasts_until_the_part_is_well_again() -> None:
    history = faults.FaultHistory()
    lease = Lease("broker", "kill", 100.0, 110.0)
    history.note({"broker": lease}, {"broker": "down"}, 101)
    assert history.windows()[0].ended_at is None
    history.note({"broker": lease}, {"broker": "down"}, 112)
    assert history.windows()[0].ended_at is None
    history.note({"broker": lease}, {"broker": "ok"}, 114)
    history.note({"broker": lease}, {"broker": "ok"}, 120)
    assert [(window.started_at, window.ended_at) for window in history.windows()] == [(100.0, 114)]


def test_a_lease_that_ran_out_long_ago_is_a_window_that_is_over() -> None:
    history = faults.FaultHistory()
    history.note({"broker": Lease("broker", "kill", 100.0, 110.0)}, {"broker": "ok"}, 500)
    assert history.windows()[0].ended_at == 110.0


class Slow:
    """An application whose commands take as long as the test wants."""

    settings = Settings()

    def __init__(self, error: Exception | None = None) -> None:
        self.go = threading.Event()
        self.error = error
        self.sent = 0

    def send(self, command: object) -> None:
        self.go.wait(10)
        if self.error:
            raise self.error
        self.sent += 1


def test_a_load_runs_beside_and_can_be_cancelled() -> None:
    application: Any = Slow()
    load = Load(application)
    load.start(1000, 1000)
    with pytest.raises(AlreadyRunning):
        load.start(1, 1)
    load.cancel()
    application.go.set()
    until(lambda: load.progress.state == "cancelled", 5, "cancelled")
    assert load.progress.sent < 1000
    load.start(3, 1000)
    until(lambda: load.progress.state == "done", 5, "done")
    assert (load.progress.sent, load.progress.failed) == (3, 0)


def test_a_load_counts_what_was_not_written_and_goes_on() -> None:
    application: Any = Slow(DatabaseUnavailable("away"))
    application.go.set()
    load = Load(application)
    load.start(5, 1000)
    until(lambda: load.progress.state == "done", 5, "done")
    assert (load.progress.sent, load.progress.failed, load.progress.problem) == (0, 5, verbatim("away"))
    with pytest.raises(ValueError, match="commands"):
        load.start(0, 1)


def test_what_takes_too_long_is_not_waited_for() -> None:
    done = threading.Event()
    with pytest.raises(TimeoutError):
        within(lambda: done.wait(30), 0.05)
    done.set()


def test_values_are_quoted_in_what_is_to_be_copied() -> None:
    settings = Settings()
    ways = how.calculate(settings, "a'; DROP", "aff-1", "cmp 1", "1.00", "USD")
    words_ = shlex.split(ways["./alpes"])
    assert words_[words_.index("--conversion") + 1] == "a'; DROP"
    assert words_[words_.index("--campaign") + 1] == "cmp 1"
    body = shlex.split(ways["HTTP"].replace("\\\n", " "))[-1]
    assert json.loads(body)["conversionId"] == "a'; DROP"
    assert "id = 'x''y'" in how.approve(settings, "x'y")["SQL"]


def test_every_way_of_every_action_is_there() -> None:
    settings = Settings()
    for ways in (
        how.calculate(settings, *"abcde"),
        how.approve(settings, "a"),
        how.trace(settings, "a", "b"),
        how.feed(settings, None, None),
    ):
        assert {"SQL", "./alpes", "pulsar-admin"} <= set(ways)


def test_the_audit_line_is_found_in_a_file_larger_than_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    seqs = [1, *range(3, 40_001), 2, *range(40_001, 60_001)]  # one came late
    path.write_text("".join(json.dumps({"seq": seq, "padding": "x" * 80}) + "\n" for seq in seqs))
    assert path.stat().st_size > 4 * tracing.NEAR_BYTES
    for seq in (1, 3, 30_000, 60_000):
        line = tracing.audit_line(path, seq)
        assert line is not None
        assert json.loads(line)["seq"] == seq
    assert tracing.audit_line(path, 99_999) is None
    assert tracing.audit_line(tmp_path / "none", 1) is None


def test_lines_are_counted_once_and_anew_when_the_file_is(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    count = LineCount(path)
    assert count.read() is None
    path.write_text("a\nb\n")
    assert count.read() == 2
    with path.open("a") as file:
        file.write("c\nd")
    assert count.read() == 3
    path.write_text("a\n")
    assert count.read() == 1


@pytest.mark.parametrize("lines", [1, YOUNG - 1, YOUNG, YOUNG + 1, 3 * YOUNG])
def test_only_the_last_numbers_of_a_large_file_are_kept_however_it_is_cut(
    tmp_path: Path, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f'{{"seq": {seq}, "x": ""}}\n' for seq in range(1, lines + 1)) + '{"seq": 7')
    for chunk in (1000, 1 << 20):
        monkeypatch.setattr(observer_reader, "CHUNK", chunk)
        count = LineCount(path)
        assert count.read() == lines
        assert list(count.newest) == list(range(max(1, lines - YOUNG + 1), lines + 1))


def test_the_feed_follows_the_store_and_tells_when_there_is_none(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    reader = ObserverReader(settings)
    reader.step()
    assert reader.state.problem == "away"
    store = ObserverStore(settings.observer_store, write=True)
    reader.step()
    assert not reader.state.problem
    assert not reader.state.messages
    before = reader.state.version
    reader.step()
    assert reader.state.version == before, "nothing changed"
    event = record(3)
    store.record(
        [build_observed(delivery(event, 1, settings.topics.events), settings.topics)], settings.topics.carrying_events()
    )
    reader.step()
    assert (reader.state.published, reader.state.watermark) == (1, 3)
    assert [message.event_id for message in reader.state.messages] == [event.id]
    assert store.select_published([event.id, "other"]) == {event.id}
    store.close()


def test_a_message_with_a_number_that_the_table_has_not_reached_says_nothing_of_the_capture(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    store = ObserverStore(settings.observer_store, write=True)
    for number, seq in enumerate((1, 3, 2**62), 1):
        store.record(
            [build_observed(delivery(record(seq), number, settings.topics.events), settings.topics)],
            settings.topics.carrying_events(),
        )
    reader = ObserverReader(settings)
    for head, captured in ((3, 3), (10, 3), (2, 1), (0, 0)):
        reader.step(head)
        assert reader.state.watermark == captured
        assert store.find_highest_captured(head) == captured
    assert store.read_newest_seqs(10, 10) == (1, 3)
    store.close()


def test_what_the_layers_below_say_is_said_in_words_of_the_page() -> None:
    assert words.translate(Message("health.held_down", s=7)) == "killed on purpose; restarts in 7 s"
    assert words.translate(verbatim("something new")) == "something new"
    assert (
        words.refusal(InvalidField("grossAmount", Message("field.positive")))
        == "Gross amount: must be greater than zero"
    )
    assert "c-1" in words.refusal(DuplicateConversion("x", "c-1"))


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("eyJhZ2dyZWdhdGVfaWQiOiJhLTEifQ==", '{"aggregate_id": "a-1"}'),
        ("plain", "plain"),
        (None, "—"),
    ],
)
def test_a_key_is_shown_as_what_it_says(key: str | None, shown: str) -> None:
    assert tracing.plain_key(key) == shown
