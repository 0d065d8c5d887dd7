"""Ids of commissions and events are UUIDs that ascend with time, so that indexes grow at their end."""

from __future__ import annotations

import time
import uuid
from itertools import pairwise

import pytest

from application import commissions
from application.commissions import new_id
from tests.clocks import patch_time

MILLISECOND = 1_000_000


def test_an_id_is_a_uuid_of_version_7_that_begins_with_the_present_millisecond() -> None:
    before_ms = time.time_ns() // MILLISECOND
    made = uuid.UUID(new_id())
    after_ms = time.time_ns() // MILLISECOND
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before_ms <= made.int >> 80 <= after_ms


@pytest.mark.parametrize("at_ms", [0, 1, 0xFFFF, 0x10000, 1_795_000_000_000, 0xFFFF_FFFF_FFFF])
def test_ids_of_later_milliseconds_are_greater_texts(monkeypatch: pytest.MonkeyPatch, at_ms: int) -> None:
    made = []
    for ms in (at_ms - 1, at_ms) if at_ms else (at_ms,):
        patch_time(monkeypatch, commissions.__name__, time_ns=lambda ms=ms: ms * MILLISECOND)
        made.append([new_id() for _ in range(50)])
    for earlier, later in pairwise(made):
        assert max(earlier) < min(later)
    assert {len(id_) for ids in made for id_ in ids} == {36}


def test_ids_of_one_millisecond_differ_in_every_random_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    patch_time(monkeypatch, commissions.__name__, time_ns=lambda: 1_795_000_000_000 * MILLISECOND)
    made = [uuid.UUID(new_id()).int for _ in range(500)]
    assert len(set(made)) == len(made)
    set_somewhere = clear_somewhere = 0
    for number in made:
        set_somewhere |= number
        clear_somewhere |= ~number
    random_bits = set_somewhere & clear_somewhere & ((1 << 80) - 1)
    assert random_bits.bit_count() == 74
