"""What every test may use: running stacks, and `--require`, which turns a missing system part into a failure.

The time of each group of tests is printed at the end (tests/lanes.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import make_url

from scenarios import end_to_end
from settings import Settings
from stacks import native
from stacks.native import libraries, mysql
from stacks.native.artifacts import FetchFailed
from tests import lanes

# A deadline for each example, or for generating one, fails a sound test on a busy machine; pytest's timeout is enough.
hypothesis.settings.register_profile(
    "alpes",
    parent=hypothesis.settings.get_profile(hypothesis.settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("alpes")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require",
        action="append",
        default=[],
        choices=["native", "browser", "docker"],
        help="fail, instead of skipping, where what this needs is missing",
    )
    parser.addoption("--all", action="store_true", help="run the long sweeps (marker breadth) too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--all"):
        long = [item for item in items if item.get_closest_marker("breadth") is not None]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in set(long)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
    ]
    terminalreporter.section("time of each group of tests")
    for name, (tests, seconds) in lanes.seconds_by_group(reports).items():
        terminalreporter.write_line(f"{seconds:8.1f} s  {tests:4d} tests  {name}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show the ends of the components' logs below a failure: a stack that failed once may never do it again."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed and isinstance(item, pytest.Function):
        homes = {value.home: value for value in item.funcargs.values() if isinstance(value, Settings)}
        for settings in homes.values():
            for log in sorted(settings.logs.glob("*.log")):
                report.sections.append((f"end of {log.name}", _read_end(log)))


def _read_end(log: Path, lines: int = 12) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 300 * lines))
        return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])


@pytest.fixture(scope="session")
def missing(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`missing(kind, fix)`: skip with the fix, or fail when the kind is required."""

    def act(kind: str, fix: str) -> None:
        if kind in request.config.getoption("--require"):
            pytest.fail(f"{kind} is required: {fix}")
        pytest.skip(f"{kind}: {fix}")

    return act


@pytest.fixture(scope="session")
def embedded() -> Iterator[Settings]:
    """A running embedded stack of the tests' own, without the page."""
    with end_to_end.running("embedded", private=True) as settings:
        yield settings


def require_native(missing: Callable[[str, str], None]) -> None:
    """Skip, or fail where it is required, when the native stack cannot be started here."""
    libraries.install(print)
    absent = [] if mysql.on_path() else [row for row in libraries.check() if not row.is_present]
    if absent:
        missing("native", f"mysqld needs {', '.join(row.name for row in absent)}: {absent[0].fix}")
    try:
        native.download(Settings(stack="native"), lambda done, total, what: None)
    except FetchFailed as error:
        missing("native", str(error))


@pytest.fixture(scope="session")
def native_stack(missing: Callable[[str, str], None]) -> Iterator[Settings]:
    """A running native stack of the tests' own, with its page."""
    require_native(missing)
    with end_to_end.running("native", private=True, without=()) as settings:
        yield settings


@pytest.fixture(params=["embedded", pytest.param("native", marks=pytest.mark.native)])
def stack(request: pytest.FixtureRequest) -> Settings:
    """Each test on both kinds of stack."""
    name = "embedded" if request.param == "embedded" else "native_stack"
    settings: Settings = request.getfixturevalue(name)
    return settings


@pytest.fixture(scope="session")
def mysql_root_url(native_stack: Settings) -> str:
    """URL of the server's root, over its socket."""
    return root_url(native_stack)


def root_url(settings: Settings) -> str:
    password = make_url(settings.database_admin_url).password
    return f"mysql+pymysql://root:{password}@localhost/?unix_socket={_socket(settings)}"


def _socket(settings: Settings) -> Path:
    from application.wake import choose_socket_address

    return Path(choose_socket_address(settings.run / "mysql.sock"))
