"""Test that the audit file is complete again after its index was lost or damaged."""

from __future__ import annotations

import os
import sqlite3

import pytest

from tests.unit.audited import Audited
from workers import audit_index
from workers.audit_projection import UNEXPECTED_STEPS


@pytest.mark.parametrize("damage", ["deleted", "garbage", "another database", "blocks that overlap"])
def test_a_lost_index_costs_nothing_but_time(audited: Audited, damage: str) -> None:
    index = audited.path.with_suffix(".index")
    before = audited.path.stat()
    audited.projection.close()
    if damage == "deleted":
        audit_index.delete(index)
    elif damage == "garbage":
        index.write_bytes(os.urandom(20_000))
    else:
        with sqlite3.connect(index) as db:
            if damage == "another database":
                db.execute("DROP TABLE block")
                db.execute("CREATE TABLE block (something)")
            else:
                db.execute("UPDATE block SET start = start + 1")
        db.close()
    audited.restart()
    audited.steps()
    assert audited.is_complete()
    after = audited.path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )  # the file was complete, so nothing was written
    audited.add(3)
    audited.steps()
    assert audited.is_complete()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE block SET runs = 'garbage'",
        "UPDATE block SET runs = '[[1,\"x\"]]'",
        "UPDATE block SET runs = '[[1,1000000000000]]'",
        "UPDATE block SET runs = NULL",
        "UPDATE block SET length = 9000000000000000000",
        "UPDATE block SET length = 'long'",
        "UPDATE block SET start = -5",
        "UPDATE block SET digest = 'text'",
        "UPDATE block SET number = number + 7",
        "UPDATE covered SET high = 'x'",
        "UPDATE covered SET high = high + 100",
        "UPDATE newest SET seq = 'x'",
        "UPDATE newest SET digest = 5",
        "DELETE FROM covered",
    ],
)
@pytest.mark.parametrize("restarted", [True, False])
def test_any_value_in_the_index_may_be_damaged(audited: Audited, change: str, restarted: bool) -> None:
    audited.add(5)
    audited.steps()
    with sqlite3.connect(audited.path.with_suffix(".index")) as index:
        index.execute("PRAGMA ignore_check_constraints = ON")
        try:
            index.execute(change)
        except sqlite3.IntegrityError:
            pytest.skip("the table refuses this value")
    index.close()
    if restarted:
        audited.restart()
    audited.add(3)
    for _ in range(5 * UNEXPECTED_STEPS):
        try:
            audited.projection.step()
        except Exception:
            continue
    assert audited.is_complete()
