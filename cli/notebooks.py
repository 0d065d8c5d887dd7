"""notebooks: open the walkthrough in JupyterLab, or execute all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from cli import foreground
from cli.output import AsJson, Failed, out, print_json, say
from settings.model import REPOSITORY


def register(app: typer.Typer) -> None:
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(notebooks)


def notebooks(
    context: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Execute them, on private stacks; fails where one does.")
    ] = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="With --check: each notebook in one language, and one of them on native.")
    ] = False,
    save: Annotated[
        bool, typer.Option("--save", help="The same, and keep the outputs, with a picture of each figure (chromium).")
    ] = False,
    sync: Annotated[bool, typer.Option("--sync", help="Carry the code from notebooks/en to notebooks/es.")] = False,
    only: Annotated[str, typer.Option(help="Those whose names begin so: 03.")] = "",
    stack: Annotated[
        str | None, typer.Option(help="embedded or native. Default: all on embedded, 03 and 05 on native too.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Six notebooks in two languages that run on the live system. Further arguments go to JupyterLab."""
    if find_spec("nbclient") is None or find_spec("jupyterlab") is None:
        raise Failed("the notebooks' packages are not installed; `./alpes notebooks` installs them")
    if sync:
        _sync(json)
    elif check or save:
        with foreground.interruptible():
            _execute(only, stack, sample, save, json)
    else:
        raise typer.Exit(_open(context.args))


def _sync(json: bool) -> None:
    from lab.notebooks import sync

    changed = sync()
    if json:
        print_json({"ok": True, "changed": changed})
    else:
        out.print("\n".join(changed) or "they are alike already")


def _execute(only: str, stack: str | None, sample: bool, save: bool, json: bool) -> None:
    from lab.notebooks import plan, run

    what = plan(only, stack, sample)
    if not any(what.values()):
        raise Failed(f"no notebook's name begins with {only!r}")
    found = list(run(what, say, save))
    failed = [each for each in found if not each.ok]
    if json:
        seconds = {f"{each.notebook} ({each.stack})": each.seconds for each in found}
        errors = {f"{each.notebook} ({each.stack})": each.error for each in failed}
        print_json({"ok": not failed, "executed": list(seconds), "seconds": seconds, "errors": errors})
    else:
        for each in failed:
            out.print(f"{each.notebook} on {each.stack}:\n{each.error}", markup=False)
        out.print(f"{len(found) - len(failed)} of {len(found)} notebooks ran to their end")
    if failed:
        raise typer.Exit(1)


def _open(arguments: list[str]) -> int:
    # JupyterLab's kernel is this environment's Python, and it inherits our import path: nothing to choose.
    folder = REPOSITORY / "notebooks"
    # In a container one is root; it listens on this host alone and asks for its token all the same.
    root = ["--allow-root"] if os.geteuid() == 0 else []
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", *root, *arguments]
    return subprocess.run(command, cwd=folder, check=False).returncode
