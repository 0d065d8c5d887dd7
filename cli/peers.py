"""The verb `bench peers`: ways to publish what was committed, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from bench.document import replace_section, require_replaceable
from bench.peers.catalogue import PEERS
from bench.peers.drawing import draw
from bench.peers.measuring import Figures, Size, measure_peers
from bench.peers.rendering import SECTION, list_rows, render, summarize
from bench.report import describe_machine
from cli import foreground
from cli.output import AsJson, DocumentPath, Failed, print_json, say, table
from settings.model import REPOSITORY

PICTURE = Path("images") / "peers.svg"
"""Beside the document."""
PAGE_FIGURES = REPOSITORY / "dashboard" / "assets" / "peers.json"
WRITERS = 4


def bench_peers(
    only: Annotated[
        list[str] | None, typer.Option("--only", help=f"{', '.join(PEERS)}; may be repeated. Default: all.")
    ] = None,
    n: Annotated[
        int, typer.Option("--n", min=10, max=100_000, help="Number of commands whose latency is measured.")
    ] = 300,
    commands: Annotated[int, typer.Option(min=10, max=1_000_000, help="Number of commands of the storm.")] = 5000,
    file: DocumentPath = None,
    page: Annotated[
        bool, typer.Option("--page", help="Replace the figures that the page shows, dashboard/assets/peers.json.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Measure ways to publish side by side: Debezium as described and as tuned, Debezium Server, polling, and a dual write.

    Each runs alone on a private native stack, with the same MySQL, broker, load and consumer, for about two minutes: latency, storm,
    cost of each process, work of the database, and the losses, duplicates and disorder of a SIGKILL of the broker under load. A
    dual write loses events there. Fails when one with an outbox loses any. With --out, a picture is drawn beside the document.
    """
    names = list(dict.fromkeys(only or PEERS))
    if unknown := [name for name in names if name not in PEERS]:
        raise Failed(f"{', '.join(unknown)} cannot be measured so; choose among {', '.join(PEERS)}")
    if file is not None:
        require_replaceable(file, SECTION)
    size = Size(n, commands, WRITERS)
    with foreground.interruptible():
        figures = measure_peers([PEERS[name] for name in names], size, say)
    if json:
        print_json(figures)
    else:
        table(("", *(measured.name for measured in figures)), list_rows(figures))
    command, day = _command(only, n, commands), datetime.now(UTC).date()
    if file is not None:
        _write(file, figures, size, day, command)
    if page:
        summary = dumps(summarize(figures, describe_machine(), day, command), indent=2)
        PAGE_FIGURES.write_text(f"{summary}\n", encoding="utf-8")
        say(f"written to {PAGE_FIGURES}")
    if any(measured.lost for measured in figures if PEERS[measured.name].has_outbox):
        raise typer.Exit(1)


def _write(file: Path, figures: Sequence[Figures], size: Size, day: date, command: str) -> None:
    """Replace the section of the document, and its picture."""
    picture = file.parent / PICTURE
    picture.parent.mkdir(exist_ok=True)
    picture.write_text(draw(figures), encoding="utf-8")
    replace_section(file, SECTION, render(figures, size, describe_machine(), day, command, PICTURE.as_posix()))
    say(f"written to {file} and {picture}")


def _command(only: list[str] | None, n: int, commands: int) -> str:
    words = ["./alpes bench peers", *(f"--only {name}" for name in only or ())]
    words += [f"--n {n}"] if n != 300 else []
    words += [f"--commands {commands}"] if commands != 5000 else []
    return " ".join([*words, "--out docs/performance.md --page"])
