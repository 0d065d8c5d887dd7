"""Test that the audit file is complete after any sequence of rows, damages and restarts."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.audited import DAMAGES, Audited, in_place
from workers import audit_blocks, audit_index, audit_projection, audit_rows

Operation = tuple[str, int]


OPERATIONS = st.tuples(
    st.sampled_from(["append", "skip", "late", "change", "damage", "restart", "reset", "index", "step"]),
    st.integers(0, 2**16),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(OPERATIONS, max_size=14))
@example([("append", 9), ("step", 0), ("reset", 0), ("append", 9), ("damage", 3)])
@example([("append", 5), ("skip", 50), ("append", 3), ("step", 0), ("late", 7), ("damage", 1), ("late", 3)])
def test_after_any_history_the_file_is_complete(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, history: list[Operation]
) -> None:
    for module, name, value in (
        (audit_index, "LINES_PER_BLOCK", 3),
        (audit_projection, "BLOCKS_PER_STEP", 4),
        (audit_blocks, "BLOCKS_PER_CHECK", 2),
        (audit_projection, "REPAIRS_PER_STEP", 2),
        (audit_rows, "PAGE", 5),
        (audit_projection, "PAGES_PER_STEP", 2),
        (audit_rows, "GAPS_PER_CHECK", 2),
    ):
        monkeypatch.setattr(module, name, value)
    folder = tmp_path_factory.mktemp("history")
    audited = Audited(folder)
    try:
        for operation in history:
            _apply(audited, *operation)
        rows = len(audited.rows())
        for _ in range(30 + 8 * rows):
            audited.projection.step()
            if audited.is_complete():
                break
        assert audited.is_complete()
        audited.steps(3)
        assert audited.is_complete()
    finally:
        audited.close()


def _apply(audited: Audited, operation: str, number: int) -> None:
    path, chance = audited.path, random.Random(number)
    match operation:
        case "append":
            audited.add(number % 12 + 1)
        case "skip":
            audited.head += number % 300 + 1
        case "late":
            known = {row.seq for row in audited.rows()}
            if free := sorted(set(range(1, audited.head)) - known):
                audited.put(chance.choice(free))
        case "change" if path.is_file() and path.stat().st_size:
            place = number % path.stat().st_size
            in_place(path, lambda data: bytes(data[:place]) + bytes([data[place] ^ 1]) + data[place + 1 :])
        case "damage" if path.is_file() and len(path.read_bytes().splitlines()) > 2:
            DAMAGES[chance.choice(sorted(DAMAGES.keys() - {"a link"}))](path)
        case "restart":
            audited.restart()
        case "reset":
            audited.reset()
        case "index":
            audited.projection.close()
            audited.path.with_suffix(".index").write_bytes(b"" if number % 2 else os.urandom(5000))
            audited.restart()
        case "step":
            audited.steps(number % 3 + 1)
