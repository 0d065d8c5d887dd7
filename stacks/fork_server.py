"""Run `supervisord` with the libraries imported that every component in Python needs: `python -P fork_server.py OPTIONS`.

Such a component continues as a fork of this process. It imports only the modules of this program, in a fraction of the time,
and shares the memory of the libraries with the others. No module of this program is imported before the fork, so that a
component that is started again runs the program as it is then. All other components replace the fork, as they do under any
`supervisord`.

A plain script: without this program's folder on `sys.path`, the components cannot import what it did.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import importlib.util
import os
import runpy
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, TextIO

from setproctitle import setproctitle
from supervisor import supervisord
from supervisor.options import ServerOptions

LIBRARIES = (
    "asyncio",
    "cryptography.hazmat.primitives.serialization",
    "iso4217",
    "prometheus_client",
    "psutil",
    "pulsar",
    "pydantic_settings",
    "pymysql",
    "sqlalchemy.dialects.mysql.pymysql",
    "sqlalchemy.dialects.sqlite",
)
"""What all components in Python import, and what takes long. None of them starts a thread, which a fork would lose."""
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR2)
"""The signals that supervisord handles."""
FAILED = 1
PART_FILE = "run/parts/{name}.json"
"""Below the home, which is supervisord's working folder."""


def _import_gate() -> ModuleType:
    path = Path(__file__).with_name("gate.py")
    specification = importlib.util.spec_from_file_location("alpes_gate", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


gate = _import_gate()


class Options(ServerOptions):  # type: ignore[misc]
    """supervisord's options, whose `execve` is the last thing that it does in a forked child."""

    def execve(self, filename: str, argv: list[str], env: dict[str, str]) -> None:
        """Become the component in Python of this child; replace it by the command of any other. Raises OSError."""
        path = PART_FILE.format(name=env.get("ALPES_PART", ""))
        part = gate.read(path)
        if runs_here(part["argv"]):
            setproctitle(f"{sys.executable} {gate.__file__} {path}")
            with open(path, "rb"):  # by which `stacks.processes` knows this process, until it ends
                gate.wait(part)
                become(part, env)
        super().execve(filename, argv, env)


def runs_here(argv: list[str]) -> bool:
    """Return whether a command is `python -m MODULE …` of this Python, and may continue in a fork of this process."""
    return sys.platform == "linux" and argv[:2] == [sys.executable, "-m"]


def become(part: dict[str, Any], env: dict[str, str]) -> NoReturn:
    """Run the module of a component as a Python of its own would, and end the process with its exit code.

    It never returns to supervisord's frames, which hold what this process does not own.
    """
    for number in HANDLED:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.environ.clear()
    os.environ.update({**env, **part["env"]})
    os.chdir(part["cwd"])
    sys.path[:0] = [part["cwd"], *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = part["argv"][2:]
    sys.orig_argv = part["argv"]
    setproctitle(" ".join(part["argv"]))
    sys.stdout = _open_stream(1, sys.stdout)
    sys.stderr = _open_stream(2, sys.stderr)
    code = FAILED
    try:
        code = _run(sys.argv[0])
    finally:
        # As `multiprocessing` ends a fork: wait for threads, run what is registered for the end, and leave without unwinding.
        try:
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def _open_stream(descriptor: int, previous: TextIO) -> TextIO:
    """Return a stream for what supervisord has put in the place of another file, whose stream would seek in a pipe.

    It is as unbuffered as a text stream can be, which is what PYTHONUNBUFFERED asks for.
    """
    return open(descriptor, "w", buffering=1, encoding=previous.encoding, errors=previous.errors, closefd=False)


def _run(module: str) -> int:
    """Run a module as `__main__` and return the exit code that Python would end with."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return FAILED
    except BaseException:
        traceback.print_exc()
        return FAILED
    return 0


def main() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a fork would write to every object, and so copy the memory that is shared
    supervisord.ServerOptions = Options
    supervisord.main(sys.argv[1:])


if __name__ == "__main__":
    main()
