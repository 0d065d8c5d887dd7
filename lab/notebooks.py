"""The notebooks as files: executed from top to bottom on a stack of their own, and kept alike in both languages.

They are their own source. The code is written in `notebooks/en`; `sync` carries it to `notebooks/es`.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
"""The ones whose subject differs on the real parts."""
CELL_WITHIN_S = 300

Say = Callable[[str], None]
Plan = dict[str, list[Path]]


@dataclass(frozen=True, slots=True)
class Executed:
    notebook: str
    """`es/04_idempotent_worker`."""
    stack: str
    ok: bool
    seconds: float
    error: str = ""
    """The cell that failed, and why."""


def paths(only: str = "", languages: Sequence[str] = LANGUAGES) -> list[Path]:
    """Those whose names begin with `only`, in the order they are read."""
    found = [path for language in languages for path in (FOLDER / language).glob(f"{only}*.ipynb")]
    return sorted(found, key=lambda path: (path.name, path.parent.name))


def plan(only: str = "", stack: str | None = None, sample: bool = False) -> Plan:
    """What is executed where: all of them on embedded, `ON_NATIVE` on native too; or what is asked for.

    The code is the same in both languages, so on native, where a run costs most, one language is enough. A `sample`
    takes each notebook once on embedded, the languages in turn, and one notebook on native.
    """
    if stack is not None:
        return {stack: paths(only)}
    native = [path for path in paths(only, ("en",)) if path.name.startswith(ON_NATIVE)]
    if sample:
        in_turn = [paths(path.stem, (LANGUAGES[number % 2],))[0] for number, path in enumerate(paths(only, ("en",)))]
        return {"embedded": in_turn, "native": native[-1:]}
    return {"embedded": paths(only), "native": native}


def run(what: Plan, say: Say = lambda _: None, save: bool = False) -> Iterator[Executed]:
    """Execute on one private stack of each kind, which the notebooks of that kind share. Raises StartFailed.

    `save` writes the outputs of those that succeed into their files, with a picture of every figure.
    """
    for stack, chosen in what.items():
        if not chosen:
            continue
        say(f"starting a private {stack} stack")
        with end_to_end.running(stack, private=True) as settings:
            for path in chosen:
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
    began, error = time.monotonic(), ""
    try:
        client.execute(env=_environment(stack, home, save), stderr=subprocess.DEVNULL)
    except (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError) as failure:  # the last: no kernel came
        error = re.sub(r"\x1b\[[0-9;]*m", "", str(failure))[-2000:]
    if save and not error:
        pictures.shrink_outputs(notebook)
        nbformat.write(notebook, path)
    return Executed(name, stack, not error, round(time.monotonic() - began, 1), error)


def _environment(stack: str, home: Path, save: bool) -> dict[str, str]:
    """Ours, without the ports and the home of another instance."""
    ours = {name: value for name, value in os.environ.items() if not re.fullmatch(r"ALPES_(HOME|STACK|.*_PORT)", name)}
    ours |= {"ALPES_HOME": str(home), "ALPES_NOTEBOOK_STACK": stack, "PYTHONPATH": str(REPOSITORY)}
    # Without a static picture no browser is needed; a saved notebook is read where no JavaScript runs.
    ours["ALPES_NOTEBOOK_STATIC"] = "1" if save else "0"
    return ours


def sync() -> list[str]:
    """Carry the code from `en` to `es`, cell by cell; the names of the Spanish notebooks that changed.

    Cells are paired by their ids. A code cell that is new is put behind the one it follows in English, without outputs;
    one that is gone is removed; text is nobody's but the translator's. A cell whose code changed loses its outputs.
    """
    changed = []
    for path in paths(languages=("en",)):
        target = FOLDER / "es" / path.name
        english, spanish = (nbformat.read(each, as_version=4) for each in (path, target))
        cells = _paired(english.cells, spanish.cells)
        if cells != spanish.cells:
            spanish.cells = cells
            nbformat.write(spanish, target)
            changed.append(target.stem)
    return changed


def _paired(english: list[Any], spanish: list[Any]) -> list[Any]:
    known = {cell.id: cell for cell in spanish}
    code = {cell.id for cell in english if cell.cell_type == "code"}
    kept = [cell for cell in spanish if cell.cell_type != "code" or cell.id in code]
    before = None
    for cell in english:
        if cell.cell_type == "code" and cell.id not in known:
            place = next((n + 1 for n, each in enumerate(kept) if each.id == before), 0)
            kept.insert(place, nbformat.v4.new_code_cell(cell.source, id=cell.id))
        elif cell.cell_type == "code" and known[cell.id].source != cell.source:
            place = kept.index(known[cell.id])
            kept[place] = nbformat.v4.new_code_cell(cell.source, id=cell.id)
        before = cell.id
    return kept
