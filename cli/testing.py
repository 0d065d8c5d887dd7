"""The verb test: run all tests of the product, or the quick ones."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Annotated

import typer

from cli import foreground
from cli.download_bar import DownloadBar
from cli.output import say
from settings import Settings
from settings.model import REPOSITORY
from stacks import native
from stacks.native import libraries, mysql
from stacks.native.artifacts import FetchFailed

FAST = ("unit", "architecture", "api", "contract", "notebooks")
"""Folders of tests that start no stack, or none that takes more than a few seconds."""
ON_EVERY_CORE = ("--numprocesses=logical", "--dist=worksteal")


@dataclass(frozen=True, slots=True)
class Lane:
    """Tests that run in one process, so that they share started stacks."""

    expression: str
    """pytest's expression for their markers."""
    paths: tuple[str, ...] = ("tests",)
    """The folder or the files that they are in, so that the others need not be collected."""
    options: tuple[str, ...] = ()


_BROWSER = "browser and not native and not docker"
_MORE_TRIES = ("--reruns=2", "--rerun-show-tracebacks", "-rR")
"""A browser's test that fails has two more tries, and is named at the end of everything when it passes then: between a click and
its result lie a browser, a server and their connection, each with its own timing. The other tests have one try, because an
intermittent fault of the pipeline itself must fail the run."""
_PLACE = re.compile(r"tests/\S+:\d+: ")
TRY_LENGTH = 4
"""Lines of a first try's error that are repeated at the end."""
_WITHOUT_SERVERS = "not native and not browser and not docker"
_OTHER_FOLDERS = (
    "api",
    "architecture",
    "browser",
    "compose",
    "contract",
    "e2e",
    "fuzzing",
    "notebooks",
    "operations",
    "scenarios",
    "secure",
    "unit",
)
LANES = {
    "native": Lane("native"),
    "docker": Lane("docker and not native", ("tests/compose",)),
    "page": Lane(_WITHOUT_SERVERS, ("tests/dashboard",)),
    "others": Lane(_WITHOUT_SERVERS, tuple(f"tests/{name}" for name in _OTHER_FOLDERS)),
    "browser": Lane(
        _BROWSER,
        tuple(
            f"tests/browser/test_{name}.py"
            for name in (
                "first_sight",
                "live_page",
                "navigation",
                "login",
                "operations_page",
                "comparison_page",
                "search",
                "widths",
            )
        ),
        _MORE_TRIES,
    ),
    "more browser": Lane(
        _BROWSER,
        tuple(
            f"tests/browser/test_{name}.py"
            for name in (
                "storm",
                "below_a_path",
                "diagram",
                "guide_page",
                "other_pages",
                "presenting",
                "scenarios_page",
            )
        ),
        _MORE_TRIES,
    ),
}
ROUNDS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("native", "docker", "page"), ("others",)),
    (("browser",), ("more browser",)),
)
"""Rounds one after the other; in each, tracks at once; in each track, lanes one after the other.

On two cores the browser's tests miss their deadlines beside the other lanes.
"""
FAILURE_LENGTH = 6000
"""Characters of a failed lane's output that are printed once more at the end, which is read first in CI."""
_RUNNING: list[subprocess.Popen[bytes]] = []
_STOPPING = threading.Event()


def register(app: typer.Typer) -> None:
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(test)


def test(
    context: typer.Context,
    fast: Annotated[
        bool, typer.Option("--fast", help="Unit and contract tests on SQLite, without native parts and browser: 3 min.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="The long sweeps and the long fuzzing too: well over an hour.")
    ] = False,
    require: Annotated[
        list[str] | None, typer.Option(help="native, browser or docker: fail instead of skipping what needs it.")
    ] = None,
) -> None:
    """Run every kind of test on every stack; further arguments go to pytest.

    What needs a missing system part is skipped, and the fix is named. Examples: `./alpes test tests/unit`,
    `./alpes test --fast -x`, `./alpes test -k restore`.
    """
    arguments = [word for name in require or [] for word in ("--require", name)]
    if everything:
        arguments.append("--all")
    if fast:
        arguments += [*ON_EVERY_CORE, "-m", _WITHOUT_SERVERS, *(f"tests/{name}" for name in FAST)]
    elif "native" in (require or []) or not context.args:
        _download_servers()
    if context.args or fast:
        raise typer.Exit(_run_pytest([*arguments, *context.args]))
    results: list[LaneResult] = []
    with foreground.interruptible(), ThreadPoolExecutor(len(LANES)) as pool:
        try:
            for tracks in ROUNDS:
                for track in pool.map(lambda lanes: [_run_lane(lane, arguments) for lane in lanes], tracks):
                    results += track
        except KeyboardInterrupt:
            _STOPPING.set()
            for process in _RUNNING:  # each stops the stacks that its tests started
                process.send_signal(signal.SIGINT)
            raise
    _report(results)
    raise typer.Exit(max(result.exit_code for result in results))


@dataclass(frozen=True, slots=True)
class LaneResult:
    name: str
    exit_code: int
    seconds: float
    output: str


def _report(results: list[LaneResult]) -> None:
    """Print one line for each lane and, last of all, the end of the output of those that failed."""
    for result in results:
        if result.exit_code:
            say(f"===== what failed in the {result.name} lane, its last {FAILURE_LENGTH} characters =====")
            print(extract_failures(result.output)[-FAILURE_LENGTH:], flush=True)
    for result in results:
        for line in describe_first_tries(result.output):
            say(line)
    for result in results:
        say(f"{result.name}: {'ok' if not result.exit_code else 'FAILED'} after {result.seconds:.0f} s")


def describe_first_tries(output: str) -> list[str]:
    """Return, for each try that another one followed, the test's name, the statement that failed, and its error."""
    lines: list[str] = []
    tries = split_sections(output).get("rerun test summary info", "")
    for first_try in re.split(r"^RERUN ", tries, flags=re.MULTILINE)[1:]:
        name, *traceback = re.split(r"^(?:PASSED|FAILED|=)", first_try, flags=re.MULTILINE)[0].splitlines()
        errors = [line for line in traceback if line.startswith("E ")][:TRY_LENGTH]
        where = [line for line in traceback if line.startswith(">") or _PLACE.match(line)]
        lines += [f"unstable, failed once and ran again: {name}", *(f"    {line}" for line in (*where, *errors))]
    return lines


def split_sections(output: str) -> dict[str, str]:
    """Return {name of a section of pytest's output: its text}."""
    _, *rest = re.split(r"^=+ (.*?) =+$", output, flags=re.MULTILINE)
    return dict(zip(rest[::2], rest[1::2], strict=True))


def extract_failures(output: str) -> str:
    """Return pytest's tracebacks of errors and failures, and their summary lines; all of the output if there are none.

    The times of the slowest tests and the first tries of tests that ran again are left out.
    """
    sections = split_sections(output)
    summary = [line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    tracebacks = [text for name, text in sections.items() if name in ("ERRORS", "FAILURES")]
    return "\n".join((*tracebacks, *summary)) or output


def _run_lane(name: str, arguments: list[str]) -> LaneResult:
    """Run a lane's tests; its output is printed when it has ended, so that lanes do not mix."""
    if _STOPPING.is_set():
        return LaneResult(name, 130, 0, "")
    began = time.monotonic()
    with tempfile.NamedTemporaryFile(
        "w+", encoding="utf-8", prefix=f"alpes-{name.replace(' ', '-')}-", suffix=".log"
    ) as log:
        say(f"tests of the {name} lane run; to watch them: tail -f {log.name}")
        lane = LANES[name]
        code = _run_pytest([*arguments, *lane.options, "-v", "--durations=20", "-m", lane.expression, *lane.paths], log)
        log.seek(0)
        output = log.read()
    print(f"===== {name} =====\n{output}", flush=True)
    return LaneResult(name, code, time.monotonic() - began, output)


def _run_pytest(arguments: list[str], output: IO[str] | None = None) -> int:
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "pytest", *arguments]
    errors = subprocess.STDOUT if output else None
    with subprocess.Popen(command, cwd=REPOSITORY, env=env, stdout=output, stderr=errors) as process:
        _RUNNING.append(process)
        return process.wait()


def _download_servers() -> None:
    """Download the native stack's servers with a progress bar, and not inside the first test that needs them."""
    libraries.install(say)
    if not mysql.on_path() and not all(row.is_present for row in libraries.check()):
        return  # the tests say what is missing and how to install it
    try:
        with DownloadBar() as bar:
            native.download(Settings(stack="native"), bar)
    except FetchFailed as error:
        say(f"the native stack's tests will say so too: {error}")
