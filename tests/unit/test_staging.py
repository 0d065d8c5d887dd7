"""A back-up is judged whole, value by value, before anything of the instance is looked at."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import JSON, DateTime, Integer, LargeBinary

from db import backup_values, rows
from db.backup_values import Unfit
from db.migrate import newest
from db.tables import Exact, metadata
from settings import Settings
from stacks import staging
from stacks.staging import PUBLISHED, BackupUnfit, staged

CLOSED_SETS = {"status": "CALCULATED", "currency": "USD"}
AT = "2026-01-02T03:04:05.678901"


def value(column: Any, n: int) -> Any:
    kind = column.type
    if column.name in CLOSED_SETS:
        return CLOSED_SETS[column.name]
    if isinstance(kind, DateTime):
        return AT
    if isinstance(kind, Exact):
        return "12.5"
    if isinstance(kind, LargeBinary):
        return base64.b64encode(b"\x00body").decode()
    if isinstance(kind, JSON):
        return {"n": n}
    if isinstance(kind, Integer):
        return n
    return f"x{n}"


def row(name: str, n: int = 1) -> dict[str, Any]:
    table = metadata.tables.get(name, staging._observer_table)
    return {column.name: value(column, n) for column in table.c}


def lines(stack: str = "embedded") -> list[dict[str, Any]]:
    names = [table.name for table in rows.tables()]
    found = [{"table": name, "row": row(name, n)} for name in (*names, PUBLISHED) for n in (1, 2)]
    return [{"alpes": 1, "schema": newest(), "stack": stack}, *found, {"end": len(found)}]


def write(path: Path, content: list[Any]) -> Path:
    text = [line if isinstance(line, str) else json.dumps(line) for line in content]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(home=tmp_path / "home")
    found.data.mkdir(parents=True)
    return found


def judged(settings: Settings, content: list[Any]) -> dict[str, int]:
    path = write(settings.home / "b.jsonl", content)
    with staged(settings, path) as found:
        return found.counts()


def places(kind: Callable[[Any], bool]) -> Iterator[tuple[str, str]]:
    for table in (*rows.tables(), staging._observer_table):
        yield from ((table.name, column.name) for column in table.c if kind(column))


def test_a_whole_back_up_fits(settings: Settings) -> None:
    counts = judged(settings, lines())
    assert set(counts.values()) == {2}
    assert not list(settings.data.glob("restore.db*"))


@pytest.mark.parametrize("name", [table.name for table in rows.tables()])
def test_every_row_comes_out_as_it_went_in(settings: Settings, name: str) -> None:
    with staged(settings, write(settings.home / "b.jsonl", lines())) as found:
        (batch,) = found.batches(metadata.tables[name])
    assert batch == [backup_values.convert_row(metadata.tables[name], row(name, n)) for n in (1, 2)]


WRONG = [
    *((*place, "not-a-time") for place in places(lambda column: isinstance(column.type, DateTime))),
    *((*place, "2026-01-02T03:04:05+01:00") for place in places(lambda column: isinstance(column.type, DateTime))),
    *((*place, 7) for place in places(lambda column: not isinstance(column.type, (Integer, JSON)))),
    *((*place, "7") for place in places(lambda column: isinstance(column.type, Integer))),
    *((*place, True) for place in places(lambda column: isinstance(column.type, Integer))),
    *((*place, 2**63) for place in places(lambda column: isinstance(column.type, Integer))),
    *((*place, text) for place in places(lambda column: isinstance(column.type, Exact)) for text in ("x", "NaN", "1e30")),
    *((*place, "%%%") for place in places(lambda column: isinstance(column.type, LargeBinary))),
    *((*place, None) for place in places(lambda column: not column.nullable)),
    *(
        (table, column, "x" * 70_000)
        for table, column in places(lambda column: hasattr(column.type, "length") and not isinstance(column.type, LargeBinary))
        if table != "outbox_event"
    ),
    *((*place, "\ud800") for place in places(lambda column: bool(getattr(column.type, "length", None)))),
]  # fmt: skip


@pytest.mark.parametrize(("table", "column", "wrong"), WRONG, ids=[f"{a}.{b}-{i}" for i, (a, b, _) in enumerate(WRONG)])
def test_a_wrong_value_is_refused_with_its_line_and_column(table: str, column: str, wrong: Any) -> None:
    known = metadata.tables.get(table, staging._observer_table)
    with pytest.raises(Unfit, match=f"column {column}"):
        backup_values.convert_row(known, row(table) | {column: wrong})


@pytest.mark.parametrize(
    ("table", "column"),
    [("commission", "conversion_id"), ("outbox_event", "id"), ("notification", "event_id"), (PUBLISHED, "event_id")],
)
@pytest.mark.parametrize("change", ["wrong", "missing", "unknown", "twice", "duplicate"])
def test_what_does_not_fit_is_named(settings: Settings, table: str, column: str, change: str) -> None:
    content: list[Any] = lines()
    number = max(n for n, line in enumerate(content) if line.get("table") == table)
    held = content[number]["row"]
    match change:
        case "wrong":
            held[column] = []
        case "missing":
            del held[column]
        case "unknown":
            held["surplus"] = 1
        case "twice":
            content[number] = json.dumps(content[number]).replace(f'"{column}":', f'"{column}": "y", "{column}":')
        case _:
            held[column] = content[number - 1]["row"][column]
    named = "surplus" if change == "unknown" else column
    with pytest.raises(BackupUnfit, match=f"line {number + 1}: .*column {named}.*nothing was changed"):
        judged(settings, content)
    assert not list(settings.data.glob("restore.db*"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-1],
        lambda content: content[:-2] + content[-1:],
        lambda content: [*content, content[1]],
        lambda content: [*content[:3], "{", *content[3:]],
        lambda content: [*content[:3], "[]", *content[3:]],
        lambda content: [{**content[0], "alpes": 2}, *content[1:]],
        lambda content: [{**content[0], "schema": "9999"}, *content[1:]],
        lambda content: [*content[:3], {"table": "sqlite_master", "row": {}}, *content[3:]],
        lambda content: [*content[:3], "[" * 100_000, *content[3:]],
        lambda content: content[1:],
    ],
)
def test_a_damaged_file_is_refused(settings: Settings, spoil: Callable[[list[Any]], list[Any]]) -> None:
    with pytest.raises(BackupUnfit):
        judged(settings, spoil(lines()))


def test_bytes_that_are_no_text_are_refused(settings: Settings) -> None:
    path = settings.home / "b.jsonl"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BackupUnfit, match="not UTF-8"), staged(settings, path):
        pass


def test_a_row_of_somebody_elses_with_a_long_text_goes_back_to_sqlite_only(tmp_path: Path) -> None:
    content = lines()
    number = next(n for n, line in enumerate(content) if line.get("table") == "outbox_event")
    content[number]["row"]["traceparent"] = "a" * 100
    for stack in ("embedded", "native"):
        settings = Settings(home=tmp_path / stack, stack=stack)
        settings.data.mkdir(parents=True)
        if stack == "embedded":
            judged(settings, content)
        else:
            with pytest.raises(
                BackupUnfit, match="column traceparent: it has 100 characters, and at most 64 are allowed"
            ):
                judged(settings, content)


def test_what_a_dead_letter_copied_from_a_foreign_row_fits_as_the_row_does(settings: Settings) -> None:
    content = lines()
    for line in content:
        if line.get("table") == "dead_letter":
            line["row"] |= {"event_id": f"{line['row']['event_id']:x>37}", "correlation_id": "y" * 65}
    judged(settings, content)


def test_half_a_surrogate_pair_of_a_foreign_row_comes_out_as_it_went_in(settings: Settings) -> None:
    content = lines()
    number = next(n for n, line in enumerate(content) if line.get("table") == "outbox_event")
    content[number]["row"]["payload"] = {"text": "\ud800"}
    with staged(settings, write(settings.home / "b.jsonl", content)) as found:
        (batch,) = found.batches(metadata.tables["outbox_event"])
    assert batch[0]["payload"] == {"text": "\ud800"}


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        ("amount", "-0.01"),
        ("gross_amount", "-5"),
        ("rate", "-1"),
        ("version", 0),
        ("version", -3),
        ("status", "PAID"),
        ("currency", "ZZZ"),
        ("currency", "XAU"),
    ],
)
def test_a_commission_that_no_command_can_make_is_refused(settings: Settings, column: str, wrong: Any) -> None:
    content = lines()
    number = next(n for n, line in enumerate(content) if line.get("table") == "commission")
    content[number]["row"][column] = wrong
    with pytest.raises(BackupUnfit, match=f"line {number + 1}: .*column {column}: .*nothing was changed"):
        judged(settings, content)


@pytest.mark.parametrize(("table", "seq"), [("outbox_event", 2**62), ("outbox_event", -1), ("relay_checkpoint", 2**62)])
def test_a_number_that_leaves_none_for_later_rows_is_refused(settings: Settings, table: str, seq: int) -> None:
    content = lines()
    number = next(n for n, line in enumerate(content) if line.get("table") == table)
    content[number]["row"]["seq"] = seq
    with pytest.raises(BackupUnfit, match=f"table {table}, column seq: .*nothing was changed"):
        judged(settings, content)


def test_a_letter_whose_requeued_message_came_to_nothing_waits_again(settings: Settings) -> None:
    content = lines()
    letters = [line["row"] for line in content if line.get("table") == "dead_letter"]
    notified = [line["row"] for line in content if line.get("table") == "notification"]
    letters[0]["event_id"] = notified[0]["event_id"]  # sent again, and notified of
    letters[1]["event_id"] = "nothing-came-of-it"
    with staged(settings, write(settings.home / "b.jsonl", content)) as found:
        (batch,) = found.batches(metadata.tables["dead_letter"])
    assert [letter["requeued_at"] for letter in batch] == [datetime.fromisoformat(AT), None]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner)))
def test_no_value_is_a_surprise(wrong: Any) -> None:
    """Whatever JSON holds: it fits, or it is refused by name."""
    for table in rows.tables():
        for column in table.c:
            refusal = ""
            try:
                backup_values.convert_row(table, row(table.name) | {column.name: wrong})
            except Unfit as error:
                refusal = str(error)
            assert not refusal or column.name in refusal
