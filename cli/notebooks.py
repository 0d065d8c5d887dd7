"""The verb notebooks: open the walkthrough in JupyterLab, or execute it."""

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
        bool, typer.Option("--check", help="Execute the notebooks on private stacks; fails when one fails.")
    ] = False,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample", help="With --check: today's half of the notebooks, each in one language, and one on native."
        ),
    ] = False,
    save: Annotated[
        bool,
        typer.Option(
            "--save", help="Like --check, and save the outputs with a picture of each figure (needs chromium)."
        ),
    ] = False,
    sync: Annotated[
        bool, typer.Option("--sync", help="Copy the code cells from notebooks/en to notebooks/es.")
    ] = False,
    only: Annotated[str, typer.Option(help="Only notebooks whose names begin with this, for example 03.")] = "",
    stack: Annotated[
        str | None, typer.Option(help="embedded or native. Default: all on embedded, and 03 and 05 on native too.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Open the six notebooks, in two languages, that run on the live system. Further arguments go to JupyterLab."""
    if find_spec("nbclient") is None or find_spec("jupyterlab") is None:
        raise Failed("the notebooks' packages are not installed; `./alpes notebooks` installs them")
    if sync:
        _copy_code(json)
    elif check or save:
        with foreground.interruptible():
            _execute_notebooks(only, stack, sample, save, json)
    else:
        raise typer.Exit(_open_jupyterlab(context.args))


def _copy_code(json: bool) -> None:
    from lab.notebooks import sync

    changed = sync()
    if json:
        print_json({"ok": True, "changed": changed})
    else:
        out.print("\n".join(changed) or "both languages have the same code already")


def _execute_notebooks(only: str, stack: str | None, sample: bool, save: bool, json: bool) -> None:
    from lab.notebooks import plan, run

    planned = plan(only, stack, sample)
    if not any(planned.values()):
        raise Failed(f"no notebook's name begins with {only!r}")
    executions = list(run(planned, say, save))
    failed = [execution for execution in executions if not execution.ok]
    if json:
        seconds = {f"{execution.notebook} ({execution.stack})": execution.seconds for execution in executions}
        errors = {f"{execution.notebook} ({execution.stack})": execution.error for execution in failed}
        print_json({"ok": not failed, "executed": list(seconds), "seconds": seconds, "errors": errors})
    else:
        for execution in failed:
            out.print(f"{execution.notebook} on {execution.stack}:\n{execution.error}", markup=False)
        out.print(f"{len(executions) - len(failed)} of {len(executions)} notebooks ran to their end")
    if failed:
        raise typer.Exit(1)


def _open_jupyterlab(arguments: list[str]) -> int:
    # JupyterLab's kernel is this environment's Python and inherits our import path, so no kernel has to be chosen.
    folder = REPOSITORY / "notebooks"
    # In a container the user is root, which JupyterLab refuses by default. It still listens on this host alone and
    # asks for its token.
    allow_root = ["--allow-root"] if os.geteuid() == 0 else []
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", *allow_root, *arguments]
    return subprocess.run(command, cwd=folder, check=False).returncode
