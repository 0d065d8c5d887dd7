"""Read the golden messages, which were captured from the real connectors and are kept in `docs/contracts/golden`."""

from __future__ import annotations

import json
from typing import Any

from settings.model import REPOSITORY


def golden(nar: str = "4.0.8") -> list[dict[str, Any]]:
    """Return the decoded envelopes that this version of the connector wrote, oldest first. Raises OSError."""
    path = REPOSITORY / "docs" / "contracts" / "golden" / f"debezium-nar-{nar}.json"
    return [json.loads(message["value"]) for message in json.loads(path.read_text(encoding="utf-8"))]


def shape(envelope: dict[str, Any]) -> set[tuple[str, str]]:
    """Return every field of an envelope with the type of its value, including those of `after` and `source`.

    Example: (`source.pos`, `int`).
    """
    fields = set()
    for name, value in envelope.items():
        members = value.items() if name in ("after", "source") else [(None, value)]
        fields |= {
            (name if member is None else f"{name}.{member}", type(member_value).__name__)
            for member, member_value in members
        }
    return fields
