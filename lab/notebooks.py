"""Execute the notebooks on a private stack, and keep their code equal in both languages.

The notebooks are their own source. Code is written in `notebooks/en`; `sync` copies it to `notebooks/es`.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from lab import pictures
from scenarios import end_to_end
from settings.model import REPOSITORY

FOLDER = REPOSITORY / "notebooks"
LANGUAGES = ("en", "es")
ON_NATIVE = ("03", "05")
"""Notebooks whose subject differs on the native stack."""
CELL_WITHIN_S = 300

Say = Callable[[str], None]
Plan = dict[str, list[Path]]


@dataclass(frozen=True, slots=True)
class Executed:
    notebook: str
    """Folder and name, such as `es/04_idempotent_worker`."""
    stack: str
    ok: bool
    seconds: float
    error: str = ""
    """The cell that failed, and its error."""


def paths(only: str = "", languages: Sequence[str] = LANGUAGES) -> list[Path]:
    """Return the notebooks whose names begin with `only`, in reading order."""
    matching = [path for language in languages for path in (FOLDER / language).glob(f"{only}*.ipynb")]
    return sorted(matching, key=lambda path: (path.name, path.parent.name))


def plan(only: str = "", stack: str | None = None, sample: bool = False, day: int | None = None) -> Plan:
    """Return stack → notebooks to execute on it. By default all on embedded, and `ON_NATIVE` on native too.

    The code is the same in both languages, so one language is enough on native, where a run costs most. A `sample` takes
    every second notebook on embedded, with alternating languages, and the first of `ON_NATIVE` on native. It changes with
    the `day`, by default today's number: two days have all notebooks, and four have all in both languages. A `stack` stands
    for all notebooks on that stack, and with `sample` for that stack's part of the sample.
    """
    if stack is not None and not sample:
        return {stack: paths(only)}
    native = [path for path in paths(only, ("en",)) if path.name.startswith(ON_NATIVE)]
    if sample:
        day = datetime.now(UTC).toordinal() if day is None else day
        chosen = list(enumerate(paths(only, ("en",))))[day % 2 :: 2]
        in_turn = [paths(path.stem, (LANGUAGES[(number // 2 + day // 2) % 2],))[0] for number, path in chosen]
        sampled = {"embedded": in_turn, "native": native[:1]}
        return sampled if stack is None else {stack: sampled.get(stack, [])}
    return {"embedded": paths(only), "native": native}


def run(planned: Plan, say: Say = lambda _: None, save: bool = False) -> Iterator[Executed]:
    """Execute the planned notebooks, and yield the result of each. Those of one stack share a private instance.

    With `save`, the outputs of successful notebooks are written to their files, with a picture of every figure. Raises
    StartFailed.
    """
    for stack, notebook_paths in planned.items():
        if not notebook_paths:
            continue
        say(f"starting a private {stack} stack")
        with end_to_end.running(stack, private=True) as settings:
            for path in notebook_paths:
                executed = _execute(path, stack, settings.home, save)
                say(f"{'✓' if executed.ok else '✗'} {executed.notebook} on {stack}, {executed.seconds:.0f} s")
                yield executed


def _execute(path: Path, stack: str, home: Path, save: bool) -> Executed:
    name = f"{path.parent.name}/{path.stem}"
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_WITHIN_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
    )
    started_at, error = time.monotonic(), ""
    try:
        client.execute(env=_environment(stack, home, save), stderr=subprocess.DEVNULL)
    except (
        CellExecutionError,
        CellTimeoutError,
        DeadKernelError,
        RuntimeError,
    ) as failure:  # RuntimeError: no kernel started
        error = re.sub(r"\x1b\[[0-9;]*m", "", str(failure))[-2000:]
    if save and not error:
        pictures.shrink_outputs(notebook)
        nbformat.write(notebook, path)
    return Executed(name, stack, not error, round(time.monotonic() - started_at, 1), error)


def _environment(stack: str, home: Path, save: bool) -> dict[str, str]:
    """Return this process's environment without the ports and the home of another instance."""
    environment = {
        name: value for name, value in os.environ.items() if not re.fullmatch(r"ALPES_(HOME|STACK|.*_PORT)", name)
    }
    environment |= {"ALPES_HOME": str(home), "ALPES_NOTEBOOK_STACK": stack, "PYTHONPATH": str(REPOSITORY)}
    # Pictures need a browser, so they are made only for saved notebooks, which are read where no JavaScript runs.
    environment["ALPES_NOTEBOOK_STATIC"] = "1" if save else "0"
    return environment


def sync() -> list[str]:
    """Copy the code from `en` to `es`, cell by cell, and return the names of the Spanish notebooks that changed.

    Cells are paired by their ids. A new code cell is inserted after the cell that it follows in English, without outputs;
    a code cell that English lacks is removed. Text cells belong to the translator. A cell with changed code loses its outputs.
    """
    changed = []
    for path in paths(languages=("en",)):
        target = FOLDER / "es" / path.name
        english, spanish = (nbformat.read(notebook_path, as_version=4) for notebook_path in (path, target))
        cells = _copy_code_cells(english.cells, spanish.cells)
        if cells != spanish.cells:
            spanish.cells = cells
            nbformat.write(spanish, target)
            changed.append(target.stem)
    return changed


def _copy_code_cells(english: list[Any], spanish: list[Any]) -> list[Any]:
    spanish_by_id = {cell.id: cell for cell in spanish}
    code_ids = {cell.id for cell in english if cell.cell_type == "code"}
    cells = [cell for cell in spanish if cell.cell_type != "code" or cell.id in code_ids]
    previous_id = None
    for cell in english:
        if cell.cell_type == "code" and cell.id not in spanish_by_id:
            position = next((n + 1 for n, candidate in enumerate(cells) if candidate.id == previous_id), 0)
            cells.insert(position, nbformat.v4.new_code_cell(cell.source, id=cell.id))
        elif cell.cell_type == "code" and spanish_by_id[cell.id].source != cell.source:
            position = cells.index(spanish_by_id[cell.id])
            cells[position] = nbformat.v4.new_code_cell(cell.source, id=cell.id)
        previous_id = cell.id
    return cells
