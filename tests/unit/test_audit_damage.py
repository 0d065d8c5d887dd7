"""Test that the audit file is repaired after any damage: it has each notification's line exactly once, byte for byte."""

from __future__ import annotations

import pytest

from tests.unit.audited import CHANGES, DAMAGES, Audited, in_place
from workers import audit_blocks, audit_file, audit_index


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_in_place_is_repaired_by_the_next_step(audited: Audited, what: str, running: bool) -> None:
    in_place(audited.path, CHANGES[what])
    if not running:
        audited.restart()
    audited.projection.step()
    assert audited.is_complete()
    assert audited.seqs() == list(range(1, 9))


def test_an_old_change_in_place_is_repaired_although_the_times_are_unchanged(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_index, "LINES_PER_BLOCK", 10)
    audited.add(2000)
    audited.steps()
    assert audited.is_complete()
    in_place(audited.path, CHANGES["forged amounts"])
    monkeypatch.setattr(audited.projection, "_left", audit_file.read_state(audited.path))  # as if nobody had touched it
    audited.projection._blocks.next_block = 50
    checks = 0
    while not audited.is_complete():
        audited.projection.step()
        checks += 1
    assert checks <= 2000 / audit_index.LINES_PER_BLOCK / audit_blocks.BLOCKS_PER_CHECK + 2


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("what", DAMAGES)
def test_damage_of_any_kind_is_repaired(audited: Audited, what: str, running: bool) -> None:
    DAMAGES[what](audited.path)
    if not running:
        audited.restart()
    audited.add(2)
    audited.steps(3)
    assert audited.is_complete()
    assert audited.path.is_file()
    assert not audited.path.is_symlink()
    precious = audited.path.with_name("precious")
    assert not precious.exists() or precious.read_text() == "not ours\n"
