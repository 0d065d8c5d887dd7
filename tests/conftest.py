"""What every test may use: running stacks, and `--require`, which turns a missing system part into a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from scenarios import end_to_end
from settings import Settings
from stacks import native
from stacks.native import libraries, mysql
from stacks.native.artifacts import FetchFailed


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require",
        action="append",
        default=[],
        choices=["native", "browser"],
        help="fail, instead of skipping, where what this needs is missing",
    )


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


def native_ready(missing: Callable[[str, str], None]) -> None:
    """Everything the native stack needs is there, or the test is skipped with the fix."""
    libraries.install(print)
    absent = [] if mysql.on_path() else [row for row in libraries.check() if not row.found]
    if absent:
        missing("native", f"mysqld needs {', '.join(row.name for row in absent)}: {absent[0].fix}")
    try:
        native.download(Settings(stack="native"), lambda done, total, what: None)
    except FetchFailed as error:
        missing("native", str(error))


@pytest.fixture(scope="session")
def native_stack(missing: Callable[[str, str], None]) -> Iterator[Settings]:
    """A running native stack of the tests' own, without the page."""
    native_ready(missing)
    with end_to_end.running("native", private=True) as settings:
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
    password = make_url(native_stack.database_admin_url).password
    return f"mysql+pymysql://root:{password}@localhost/?unix_socket={_socket(native_stack)}"


def _socket(settings: Settings) -> Path:
    from application.wake import socket_address

    return Path(socket_address(settings.run / "mysql.sock"))
