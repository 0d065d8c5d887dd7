"""Read the schemas of docs/contracts, and say what the registry of changes needs of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from domain.change import fields_of
from domain.changes import changes, event_types
from domain.events import Event
from settings.model import REPOSITORY

CONTRACTS = REPOSITORY / "docs" / "contracts"


def read_schema(name: str, folder: Path = CONTRACTS) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / f"{name}.schema.json").read_text(encoding="utf-8"))
    return document


def payload_schema_name(event: type[Event]) -> str:
    """Return the name of an event's schema: `commission-approved.v1` for CommissionApproved, version 1."""
    return f"{re.sub(r'(?<!^)(?=[A-Z])', '-', event.type).lower()}.v{event.version}"


def find_schema_gaps(folder: Path = CONTRACTS) -> list[str]:
    """Return what the schemas of a folder do not say of the registered commands and events, or say of others."""
    names = [payload_schema_name(event) for event in event_types().values()]
    files = {path.name.removesuffix(".schema.json") for path in folder.glob("commission-*.schema.json")}
    gaps = [f"payload {name}" for name in sorted(files ^ set(names))]
    forms = {form["properties"]["command"]["const"]: form for form in read_schema("commands", folder)["oneOf"]}
    gaps += [f"command {name}" for name in sorted(forms.keys() ^ changes().keys())]
    for name in sorted(forms.keys() & changes().keys()):
        fields = fields_of(changes()[name].command)
        if set(forms[name]["properties"]) != {"command", *(field.name for field in fields)}:
            gaps.append(f"fields of {name}")
        if forms[name]["required"] != ["command", *(field.name for field in fields if field.required)]:
            gaps.append(f"required fields of {name}")
    return gaps
