"""Test how a notifications worker subscribes on each broker."""

from __future__ import annotations

from pathlib import Path

import pulsar
import pytest

from settings import Settings
from workers.consumer_type import choose_consumer_type, first_consumer_number


@pytest.mark.parametrize(
    ("stack", "workers", "expected"),
    [
        ("embedded", 1, pulsar.ConsumerType.Shared),
        ("embedded", 2, pulsar.ConsumerType.KeyShared),
        ("native", 1, pulsar.ConsumerType.KeyShared),
    ],
)
def test_only_a_single_worker_on_pulsar_lite_is_exclusive(
    tmp_path: Path, stack: str, workers: int, expected: pulsar.ConsumerType
) -> None:
    assert choose_consumer_type(Settings(home=tmp_path, stack=stack, workers=workers)) is expected


def test_workers_on_pulsar_lite_have_ranges_that_do_not_overlap(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, workers=3)
    firsts = [first_consumer_number(settings, f"notifications-{number}") for number in (1, 2, 3)]
    assert firsts == [0, 8, 16]
    assert first_consumer_number(settings, "notifications") == 0


def test_pulsar_needs_no_numbers(tmp_path: Path) -> None:
    assert first_consumer_number(Settings(home=tmp_path, stack="native", workers=3), "notifications-3") == 0
