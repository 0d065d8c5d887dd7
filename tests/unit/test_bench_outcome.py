"""Test that a measurement reads its outcome once it is complete, or as it is when that takes too long."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bench import outcome


@pytest.mark.parametrize(("complete", "reads"), [([False, False, True], 3), ([True], 1)])
def test_the_outcome_is_read_until_it_is_complete(
    monkeypatch: pytest.MonkeyPatch, complete: list[bool], reads: int
) -> None:
    read: list[SimpleNamespace] = []

    def reconcile(*_arguments: object) -> SimpleNamespace:
        read.append(SimpleNamespace(complete=complete[len(read)]))
        return read[-1]

    monkeypatch.setattr(outcome, "reconcile", reconcile)
    assert outcome.reconcile_when_complete(None, None, "c", 10) is read[-1]  # type: ignore[arg-type,comparison-overlap]
    assert len(read) == reads


def test_an_outcome_that_stays_incomplete_is_returned_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    incomplete = SimpleNamespace(complete=False)
    monkeypatch.setattr(outcome, "reconcile", lambda *_: incomplete)
    assert outcome.reconcile_when_complete(None, None, "c", 0) is incomplete  # type: ignore[arg-type,comparison-overlap]
