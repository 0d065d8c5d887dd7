"""Print tables and sentences for people, and one JSON value for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from domain.errors import ExpectedError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value, for programs.")]
StackName = Annotated[
    str | None,
    typer.Option("--stack", help="embedded, native, compose or external. Default: the running one, else embedded."),
]

DocumentPath = Annotated[
    Path | None, typer.Option("--out", help="Replace this section of a document, for example docs/performance.md.")
]


class Failed(ExpectedError):
    """The command failed; `str(error)` says why and what to do."""


def say(text: str) -> None:
    """Print a line of progress to standard error, so that standard output holds the JSON of `--json` alone."""
    err.print(text, style="dim", markup=False)


def print_json(value: Any) -> None:
    print(json.dumps(value, default=_to_json_value, ensure_ascii=False, indent=2))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    grid = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(grid)


def format_time(epoch_us: int) -> str:
    """Return the local time of day with milliseconds, for example 14:03:07.125."""
    return datetime.fromtimestamp(epoch_us / 1e6, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]


def _to_json_value(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    if isinstance(value, Decimal | Path):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
