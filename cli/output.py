"""Printing: tables and sentences for people, one JSON value for programs, failures in words."""

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

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value, for programs.")]
StackName = Annotated[
    str | None,
    typer.Option("--stack", help="embedded, native, compose or external. Default: the one that runs, else embedded."),
]


class Failed(Exception):
    """The command could not do what was asked; `str(error)` says why and what to do."""


def say(text: str) -> None:
    """A line of progress, to standard error so that `--json` stays clean."""
    err.print(text, style="dim", markup=False)


def print_json(value: Any) -> None:
    print(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(shown)


def clock(epoch_us: int) -> str:
    """Local time of day with milliseconds."""
    return datetime.fromtimestamp(epoch_us / 1e6, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]


def _plain(value: Any) -> Any:
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
    raise TypeError(f"no JSON for {type(value).__name__}")
