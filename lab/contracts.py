"""The golden messages: captured once from the real connectors, kept in `docs/contracts/golden`."""

from __future__ import annotations

import json
from typing import Any

from settings.model import REPOSITORY


def golden(nar: str = "4.0.8") -> list[dict[str, Any]]:
    """Decoded envelopes as Debezium wrote them through this connector version, oldest first. Raises OSError."""
    path = REPOSITORY / "docs" / "contracts" / "golden" / f"debezium-nar-{nar}.json"
    return [json.loads(message["value"]) for message in json.loads(path.read_text(encoding="utf-8"))]


def shape(envelope: dict[str, Any]) -> set[tuple[str, str]]:
    """Every field of an envelope with the type of its value, `after` and `source` opened: (`source.pos`, `int`)."""
    found = set()
    for name, value in envelope.items():
        inner = value.items() if name in ("after", "source") else [(None, value)]
        found |= {(name if each is None else f"{name}.{each}", type(held).__name__) for each, held in inner}
    return found
