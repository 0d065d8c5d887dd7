"""The verb `bench flame`: in which functions the busiest processes spend their time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from bench.document import render_table, replace_section, require_replaceable
from bench.flame import Flame, sample_hottest
from bench.flame_drawing import draw
from bench.report import describe_machine
from cli import foreground
from cli.output import AsJson, DocumentPath, StackName, out, print_json, say, table
from scenarios import end_to_end
from settings.model import REPOSITORY
from stacks import instance

SECTION = "flame"
PICTURES = Path("images")
"""Beside the document."""
FUNCTIONS = 10
"""Functions that are listed of each process."""
TITLES = ("function", "own samples (%)")


def bench_flame(
    stack: StackName = None,
    seconds: Annotated[int, typer.Option(min=1, max=600, help="How long each process is sampled.")] = 20,
    writers: Annotated[int, typer.Option(min=1, max=64, help="Number of threads that send commands meanwhile.")] = 4,
    file: DocumentPath = None,
    json: AsJson = False,
) -> None:
    """Sample the three busiest Python processes under load, and say in which functions they spend their time.

    A private instance is started, and commands are sent as fast as possible. The samples are taken by py-spy, which may read other
    processes only as root or where the system allows it. With --out, a flame graph of each
    process shows them with their callers, beside the document.
    """
    if file is not None:
        require_replaceable(file, SECTION)
    with (
        foreground.interruptible(),
        end_to_end.running(instance.find(stack).stack, say, private=True) as settings,
    ):
        flames = sample_hottest(settings, writers, seconds, say)
    if json:
        print_json([{**asdict(flame), "stacks": _join(flame)} for flame in flames])
    else:
        for flame in flames:
            out.print(f"{flame.process}: {flame.cores_busy} cores busy, {flame.samples} samples")
            table(TITLES, list_rows(flame))
    if file is not None:
        _write(file, settings.stack, flames, _command(settings.stack, seconds, writers))


def _write(file: Path, stack: str, flames: Sequence[Flame], command: str) -> None:
    """Replace the section of the document, and the pictures of the stack."""
    folder = file.parent / PICTURES
    folder.mkdir(exist_ok=True)
    for picture in folder.glob(f"flame-{stack}-*.svg"):
        picture.unlink()
    own_packages = frozenset(path.parent.name for path in REPOSITORY.glob("*/__init__.py"))
    for flame in flames:
        title = f"{flame.process}, {stack}: {flame.samples} samples of its stacks under load"
        _picture(folder, stack, flame).write_text(draw(title, flame.stacks, own_packages), encoding="utf-8")
    replace_section(file, SECTION, render(stack, flames, describe_machine(), datetime.now(UTC).date(), command))
    say(f"written to {file} and {folder}")


def render(stack: str, flames: Sequence[Flame], machine: str, day: date, command: str) -> str:
    """Return the section, in Markdown."""
    lines = [
        "## Where the busiest processes spend their time",
        "",
        f"Measured on {day.isoformat()} on one machine ({machine}), by `{command}`, which writes this section: samples of the",
        f"stacks of the three busiest Python processes of the {stack} stack, while commands were sent as fast as possible.",
        "A function's own samples do not count what it calls. The pictures show the callers: the outermost function is below,",
        "the width is the share of the samples, and the colour says whose code it is. Only the thread that holds the interpreter",
        "is sampled: neither waiting nor work in C that releases the interpreter, such as a commit of SQLite, is in the pictures.",
    ]
    for flame in flames:
        picture = _picture(PICTURES, stack, flame).as_posix()
        lines += ["", f"### {flame.process}", "", f"{flame.cores_busy} cores busy, {flame.samples} samples.", ""]
        lines += [
            f"![Flame graph of {flame.process}]({picture})",
            "",
            *render_table(TITLES, [(f"`{name}`", share) for name, share in list_rows(flame)]),
        ]
    return "\n".join(lines) + "\n"


def _picture(folder: Path, stack: str, flame: Flame) -> Path:
    return folder / f"flame-{stack}-{flame.process}.svg"


def list_rows(flame: Flame) -> list[tuple[object, ...]]:
    return [(function, round(100 * share, 1)) for function, share in flame.list_hottest(FUNCTIONS)]


def _join(flame: Flame) -> dict[str, int]:
    """Return the stacks in the form that other tools read: frames joined by semicolons."""
    return {";".join(stack): samples for stack, samples in flame.stacks.items()}


def _command(stack: str, seconds: int, writers: int) -> str:
    words = [f"./alpes bench flame --stack {stack}"]
    words += [f"--seconds {seconds}"] if seconds != 20 else []
    words += [f"--writers {writers}"] if writers != 4 else []
    return " ".join([*words, "--out docs/performance.md"])
