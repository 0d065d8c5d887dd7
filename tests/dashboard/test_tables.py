"""The tables of the database card: rows of one transaction have the same mark, and the end of the path is there."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from xml.etree import ElementTree

from dashboard.components import tables
from dashboard.view_models.snapshot import DatabaseState, FeedState, Timed
from db.queries import CommissionRow, OutboxRow

AT = datetime(2026, 1, 2, 12, 0, 0)
US = 1_767_355_200_000_000


def commission(name: str, version: int) -> CommissionRow:
    status = "APPROVED" if version == 2 else "CALCULATED"
    one = Decimal(1)
    return CommissionRow(name, f"v-{name}", "a", "c", one, one, one, "USD", status, version, AT, AT)


def event(seq: int, name: str, version: int) -> OutboxRow:
    return OutboxRow(seq, f"event-{seq}", name, version, "CommissionCalculated", 1, {}, "run", AT)


def notified(seq: int, **hops: int) -> Timed:
    return Timed(f"event-{seq}", seq, "CommissionCalculated", "first", "run", hops)


STATE = DatabaseState(
    version=1,
    commissions=(commission("second", 1), commission("first", 2), commission("older", 1)),
    outbox=(event(12, "first", 2), event(11, "second", 1), event(10, "first", 1)),
    timed=(notified(10, persisted=US), notified(11)),
    deliveries_of={"event-10": 2},
)
FEED = FeedState(version=1, watermark=11, newest_audited=(9, 10))


def rows(feed: FeedState = FEED, state: DatabaseState = STATE) -> dict[str, list[ElementTree.Element]]:
    root = ElementTree.fromstring(f"<div>{tables.database(state, feed, 'UTC')}</div>")
    return {one.findtext("caption") or "": one.findall("tbody/tr") for one in root.iter("table")}


def marks(row: ElementTree.Element) -> list[tuple[str | None, str | None]]:
    found = (one for one in row.iter("span") if "tx" in (one.get("class") or "").split())
    return [(one.text, one.get("class")) for one in found]


def test_a_commission_and_the_outbox_row_of_its_transaction_have_the_same_mark() -> None:
    found = rows()
    second, first, older = (marks(row) for row in found["commission"])
    approved, calculated, before = (marks(row) for row in found["outbox_event"])
    assert first == approved == [("12", "tx tx0")]
    assert second == calculated == [("11", "tx tx5")]
    assert older == [], "its outbox row is not shown"
    assert before == [("10", "tx")], "a later transaction has written the state since"


def test_neighbours_have_different_colours() -> None:
    found = {re.findall(r"tx\d", tables._mark(seq, True))[0] for seq in range(tables.HUES)}
    assert len(found) == tables.HUES


def test_an_outbox_row_shows_its_commission() -> None:
    links = [[link.get("data-go") for link in row.iter("a")] for row in rows()["outbox_event"]]
    assert links == [["event-12", "first"], ["event-11", "second"], ["event-10", "first"]]


def test_the_end_of_the_path_is_shown_with_what_is_known_of_it() -> None:
    newest, oldest = (["".join(cell.itertext()) for cell in row.findall("td")] for row in rows()["notification"])
    assert newest == ["11", "event-11", "first", "…", "—", "waiting"]
    assert oldest == ["10", "event-10", "first", "12:00:00.000", "2", "✓"]


def test_no_more_rows_than_fit_are_shown() -> None:
    many = DatabaseState(
        version=1,
        commissions=tuple(commission(f"c-{n}", 1) for n in range(20)),
        outbox=tuple(event(n, f"c-{n}", 1) for n in range(20, 0, -1)),
        timed=tuple(notified(n) for n in range(20)),
    )
    found = rows(state=many)
    assert [len(found[name]) for name in ("commission", "outbox_event", "notification")] == [5, 6, 4]
    assert (found["notification"][0].findtext("td") or "") == "19"
