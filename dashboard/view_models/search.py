"""Find what a text leads to from any page: events by an id, runs by theirs, scenarios and pages by a part of their name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dashboard.view_models.tracing import SHORTEST, Search
from scenarios.journal import Run

Kind = Literal["event", "commission", "conversion", "correlation", "run", "scenario", "page"]
MOST = 8
"""Hits that are shown."""


@dataclass(frozen=True, slots=True)
class Hit:
    kind: Kind
    name: str
    """An id, or a name as the visitor reads it."""
    page: str
    """The path of the page to open."""
    parameters: Mapping[str, str] = field(default_factory=dict)


def find(
    text: str,
    pages: Mapping[str, str],
    scenario_names: Iterable[str],
    runs: Sequence[Run],
    trace: Callable[[str], Search],
) -> tuple[Hit, ...]:
    """Return the hits, those by id first. `pages`: path → title; `trace` finds events by an id, and raises what it raises."""
    wanted = text.strip().casefold()
    if not wanted:
        return ()
    hits = [
        Hit("run", run.id, "scenarios", {"run": run.id})
        for run in runs
        if len(wanted) >= SHORTEST and run.id.casefold().startswith(wanted)
    ]
    traced = trace(text.strip())
    if traced.events and traced.kind != "nothing":
        hits.append(Hit(traced.kind, text.strip(), "trace", {"id": text.strip()}))
    hits += [Hit("scenario", name, "scenarios") for name in scenario_names if wanted in name.casefold()]
    hits += [Hit("page", title, path) for path, title in pages.items() if wanted in title.casefold()]
    return tuple(hits[:MOST])


def choose_only_id(hits: Sequence[Hit]) -> Hit | None:
    """Return the hit by id when it is the only one, which can be opened without asking."""
    return hits[0] if len(hits) == 1 and hits[0].kind not in ("scenario", "page") else None
