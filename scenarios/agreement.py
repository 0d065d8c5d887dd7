"""Tell quickly whether all sources agree about an event. This module is pure.

An answer of yes is certain; a no means only that the event must be compared thoroughly, by `scenarios.comparison`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from db.foreign import to_time
from domain.contents import Contents, canonical_json, format_instant
from scenarios import audit_lines

Row = tuple[Any, ...]
"""The columns of `db.raw_contents`: the first seven are those of an event's contents, then its `seq`, then the table's own."""

_TIMES = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}){2}", re.ASCII)
"""Both times of a notification as SQLite stores them."""
MOST_FORMS = 200


@dataclass(frozen=True, slots=True)
class _Form:
    """What a flat payload with these names and spaces looks like in its other spellings; each takes the values in its order."""

    quoted: str
    """Canonical, as a JSON string inside of JSON."""
    compact: str
    sorted_values: Callable[[list[str]], tuple[str, ...]]
    values: Callable[[list[str]], tuple[str, ...]]


_FORMS: dict[tuple[str, ...], _Form | None] = {}
"""By the payload's parts without its values."""


def agree(committed: Row | None, contents: str | None, version: int | None, notified: Row, line: bytes) -> bool:
    """Return whether outbox row, message, notification and audit line certainly say the same.

    `committed` is None for a pruned row. `contents` and `version` are the digest and the schema version of the message;
    None: they were not recorded, and are not compared.
    """
    if committed is not None and contents is not None and (type(committed[8]), committed[8]) != (int, version):
        return False
    return _agree_as_they_are(committed, contents, notified, line) or _agree_converted(
        committed, contents, notified, line
    )


def _agree_as_they_are(committed: Row | None, contents: str | None, notified: Row, line: bytes) -> bool:
    event_id, commission_id, number, type_, payload, correlation_id, at, seq, consumer, notified_at = notified
    if committed is not None and committed[:7] != notified[:7]:
        return False
    if not (type(payload) is type(at) is type(notified_at) is str and type(number) is type(seq) is int):
        return False
    names = f"{event_id}{commission_id}{type_}{correlation_id}{consumer}"
    texts = f"{names}{payload}"
    is_plain = texts.isascii() and texts.isprintable() and "\\" not in texts and '"' not in names
    if not is_plain or not _TIMES.fullmatch(f"{at}{notified_at}"):
        return False
    parts = payload.split('"')
    form = _find_form(parts)
    if form is None:
        return False
    occurred = f"{at[:10]}T{at[11:]}Z"
    if contents is not None:
        text = (
            f'["{event_id}","{commission_id}",{number},"{type_}",{form.quoted % form.sorted_values(parts)},'
            f'"{correlation_id}","{occurred}"]'
        )
        if hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest() != contents:
            return False
    expected = (
        f'{{"seq":{seq},"eventId":"{event_id}","type":"{type_}","commissionId":"{commission_id}",'
        f'"aggregateVersion":{number},"correlationId":"{correlation_id}","occurredAt":"{occurred}",'
        f'"notifiedAt":"{notified_at[:10]}T{notified_at[11:]}Z","consumer":"{consumer}",'
        f'"payload":{form.compact % form.values(parts)}}}\n'
    )
    return expected.encode("ascii") == line


def _find_form(parts: list[str]) -> _Form | None:
    """Return the form of a JSON object of texts without escapes, split at its quotation marks; None for any other payload."""
    outline = (*parts[::2], *parts[1::4])
    try:
        return _FORMS[outline]
    except KeyError:
        if len(_FORMS) >= MOST_FORMS:  # payloads whose names never repeat
            _FORMS.clear()
        form = _FORMS[outline] = _make_form(parts)
        return form


def _make_form(parts: list[str]) -> _Form | None:
    names, count = parts[1::4], len(parts) // 4
    outline = [text.strip(" ") for text in parts[::2]]
    is_flat = count >= 2 and len(parts) == 4 * count + 1 and len(set(names)) == len(names)
    if not is_flat or outline != ["{", *[":", ","] * (count - 1), ":", "}"]:
        return None
    order = sorted(range(count), key=names.__getitem__)
    escaped = [name.replace("%", "%%") for name in names]
    return _Form(
        quoted='"{' + ",".join(f'\\"{escaped[number]}\\":\\"%s\\"' for number in order) + '}"',
        compact="{" + ",".join(f'"{name}":"%s"' for name in escaped) + "}",
        sorted_values=itemgetter(*(3 + 4 * number for number in order)),
        values=itemgetter(*range(3, len(parts), 4)),
    )


def _agree_converted(committed: Row | None, contents: str | None, notified: Row, line: bytes) -> bool:
    """Compare the contents in their canonical form, as `scenarios.comparison` does."""
    expected = _convert(notified)
    if expected is None or (committed is not None and _convert(committed) != expected):
        return False
    if contents is not None and contents != expected.digest():
        return False
    notified_at, parsed = _to_instant(notified[9]), audit_lines.parse(line)
    if parsed is None or notified_at is None:
        return False
    stored = (expected, notified[7], notified[8], notified_at)
    return (parsed.contents, parsed.seq, parsed.consumer, parsed.notified_at) == stored


def _convert(row: Row) -> Contents | None:
    """Return the contents of a row, None when a column holds a value of another kind than it should."""
    event_id, commission_id, number, type_, payload, correlation_id, at, *_ = row
    text, occurred_at = _to_payload(payload), _to_instant(at)
    texts = (event_id, commission_id, type_, correlation_id)
    if text is None or occurred_at is None or type(number) is not int or any(type(name) is not str for name in texts):
        return None
    return Contents(event_id, commission_id, number, type_, canonical_json(text), correlation_id, occurred_at)


def _to_payload(payload: Any) -> str | None:
    """Return a payload's text. MySQL's JSON is read as bytes, because it may hold half a surrogate pair."""
    if isinstance(payload, bytes):
        payload = payload.decode("utf-8", "replace")
    return payload if isinstance(payload, str) else None


def _to_instant(value: Any) -> str | None:
    at = value if isinstance(value, datetime) else to_time(value)
    return None if at is None else format_instant(at)
