"""Test the comparison of reconciliation: equal are the same events with the same contents, in both directions."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import contents
from domain.contents import Contents
from scenarios import audit_lines
from scenarios.audit_lines import AuditLine, ForeignLine
from scenarios.comparison import Comparison, Notified, Versioned, compare
from tests.builders import AT, record
from workers import audit_file

EQUAL = {
    "committed": {"e": Versioned("c", 1)},
    "published": {"e": Versioned("c", 1)},
    "notified": {"e": Notified("c", "l")},
    "audited": {"e": "l"},
    "dead_lettered": set(),
}


def compared(**changes: object) -> Comparison:
    return compare(**{**EQUAL, **changes})  # type: ignore[arg-type]


def test_equal_sources_have_no_difference() -> None:
    differences = dataclasses.asdict(compared())
    assert not any(differences.values()), differences


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"published": {}}, "not_published"),
        ({"notified": {}, "audited": {}}, "not_notified"),
        ({"audited": {}}, "not_audited"),
        ({"committed": {}}, "never_committed"),
        ({"published": {**EQUAL["published"], "x": Versioned("c", 1)}}, "never_committed"),  # type: ignore[dict-item]
        ({"audited": {"e": "l", "x": "l"}}, "never_committed"),
        ({"audited": {"e": "l", "x": "l"}}, "never_notified"),
        ({"published": {"e": Versioned("other", 1)}}, "contents_differ"),
        ({"published": {"e": Versioned("c", 2)}}, "contents_differ"),
        ({"published": {"e": Versioned("", 1)}}, "contents_differ"),  # its messages differ among themselves
        ({"notified": {"e": Notified("other", "l")}}, "contents_differ"),
        ({"audited": {"e": "other"}}, "contents_differ"),
        ({"committed": {"e": Versioned(None, None)}, "notified": {"e": Notified("other", "l")}}, "contents_differ"),
    ],
)
def test_each_kind_of_difference_is_named(changes: dict[str, object], name: str) -> None:
    assert getattr(compared(**changes), name)


def test_contents_that_are_pruned_or_were_not_recorded_are_no_difference() -> None:
    pruned = compared(committed={"e": Versioned(None, None)})
    assert (pruned.contents_differ, pruned.contents_unknown) == ((), 0)
    restored = compared(published={"e": Versioned(None, None)})
    assert (restored.contents_differ, restored.contents_unknown) == ((), 1)


def test_a_dead_lettered_event_is_not_reported_as_not_notified() -> None:
    assert compared(notified={}, audited={}, dead_lettered={"e"}).not_notified == ()


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Contents)])
def test_every_field_is_part_of_the_digest(name: str) -> None:
    sound = contents.of_record(record())
    changes: dict[str, Any] = {name: 2 if name == "aggregate_version" else "other"}
    assert dataclasses.replace(sound, **changes).digest() != sound.digest()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_documents_that_differ_only_in_spelling_are_equal(value: object) -> None:
    assert contents.canonical_json(json.dumps(value, indent=1)) == contents.canonical_json(
        json.dumps(value, ensure_ascii=False)
    )


def test_text_that_is_not_json_is_compared_unchanged() -> None:
    assert contents.canonical_json("{not json") == "{not json"
    assert contents.canonical_json("[" * 100_000) == "[" * 100_000


def test_the_judge_reads_the_audit_file_with_its_own_reader(tmp_path: Path) -> None:
    from db.notification_queries import NotificationRow

    event = record()
    row = NotificationRow(
        7, event.id, event.aggregate_id, 1, event.type, json.loads(event.payload), "run-1", "worker", AT, AT
    )
    path = tmp_path / "events.jsonl"
    path.write_bytes(audit_file.line(row) + b"XXXX\n" + audit_file.line(row)[:-20])
    assert list(audit_lines.read(path)) == [
        AuditLine(contents.of_record(event), 7, "worker", contents.format_instant(AT)),
        ForeignLine(2),
    ]
    assert len(list(audit_lines.read(path, "run-1"))) == 1
    assert list(audit_lines.read(path, "run")) == list(audit_lines.read(tmp_path / "none")) == []
