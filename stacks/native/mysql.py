"""Run this instance's `mysqld`: the one on the PATH if its version is 8.0, else the downloaded 8.0.15."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache as cached
from pathlib import Path

from application.wake import choose_socket_address
from db.users import Passwords, PasswordUnfit, render_requirement, render_script
from domain.errors import ExpectedError
from stacks.command import Command
from stacks.native import libraries, limits
from stacks.native.artifacts import cache, read_artifacts
from stacks.native.certificates import Pair

SERVER = (
    "--server-id=1",
    "--log-bin=mysql-bin",
    "--binlog-format=ROW",
    "--binlog-row-image=FULL",
    "--binlog-expire-logs-seconds=259200",
    "--mysqlx=0",
    "--default-authentication-plugin=mysql_native_password",
    "--default-time-zone=+00:00",
    "--skip-name-resolve",
    f"--max-allowed-packet={limits.MYSQL_PACKET_BYTES}",
    # Enough for one laptop and a few connections, with a third of the memory of the defaults.
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=64M",
    "--max-connections=150",
    "--table-open-cache=200",
)
"""Options of every server of ours; the compose stack has the same."""


class MysqlUnusable(ExpectedError):
    """`mysqld` cannot be run here; `str(error)` says what to do."""


@dataclass(frozen=True, slots=True)
class Mysqld:
    binary: Path
    version: str
    share: Path | None
    """Folder of its messages; None for a server that the system installed."""


@cached
def on_path() -> Mysqld | None:
    """Return the system's `mysqld` if Debezium 1.9.7 can read its binlog: version 8.0, and not MariaDB."""
    for candidate in (shutil.which("mysqld"), "/usr/sbin/mysqld"):
        if candidate is None or not os.access(candidate, os.X_OK):
            continue
        text = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False).stdout
        version_match = re.search(r"Ver (8\.0\.\d+)", text)
        if version_match and "MariaDB" not in text:
            return Mysqld(Path(candidate), version_match.group(1), None)
    return None


def needs_download() -> bool:
    return on_path() is None


def obtain() -> Mysqld:
    """Return the server's program, after unpacking the downloaded archive if that is needed. Raises MysqlUnusable."""
    system_mysqld = on_path()
    if system_mysqld is not None:
        return system_mysqld
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        raise MysqlUnusable(
            "MySQL is downloaded for Linux x86-64 only; install MySQL 8.0 so that `mysqld` is on the PATH"
            " (8.4 and later cannot be read by Debezium 1.9), or use the embedded or compose stack"
        )
    absent = [library for library in libraries.check() if not library.is_present]
    if absent:
        names = ", ".join(library.name for library in absent)
        fix = "; ".join(library.fix for library in absent)
        raise MysqlUnusable(f"mysqld needs {names}, which this system lacks. Install: {fix}")
    folder = cache() / "mysql-8.0.15"
    if not (folder / "bin" / "mysqld").exists():
        _unpack(folder)
    return Mysqld(folder / "bin" / "mysqld", "8.0.15", folder / "share")


def initialize(mysqld: Mysqld, data: Path) -> None:
    """Create the data directory; an existing one is kept. Raises MysqlUnusable."""
    if (data / "mysql.ibd").exists():
        return
    shutil.rmtree(data, ignore_errors=True)  # an initialization that was interrupted
    data.parent.mkdir(parents=True, exist_ok=True)
    building = data.with_name(data.name + ".new")
    shutil.rmtree(building, ignore_errors=True)
    initialization = subprocess.run(
        [
            str(mysqld.binary),
            "--no-defaults",
            "--initialize-insecure",
            f"--datadir={building}",
            *location_options(mysqld),
        ],
        env=os.environ | environment(mysqld),
        capture_output=True,
        text=True,
        check=False,
    )
    if initialization.returncode != 0:
        raise MysqlUnusable(f"mysqld could not create its data directory {data}: {_last_errors(initialization.stderr)}")
    building.rename(data)


def command(
    mysqld: Mysqld,
    *,
    data: Path,
    run: Path,
    port: int,
    bind: str,
    passwords: Passwords,
    tls: tuple[Path, Pair] | None = None,
) -> Command:
    """Return the command that runs the server. An init file sets users and passwords at each start.

    `tls` is the authority and the server's pair; with it, connections without TLS are refused.
    """
    init_file = run / "mysql-init.sql"
    descriptor = os.open(init_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(_init_sql(passwords, requires_tls=tls is not None))
    options = [
        "--no-defaults",
        f"--datadir={data}",
        f"--port={port}",
        f"--bind-address={bind}",
        f"--socket={choose_socket_address(run / 'mysql.sock')}",
        f"--pid-file={run / 'mysqld.pid'}",
        f"--init-file={init_file}",
        *SERVER,
        *(tls_options(*tls) if tls else []),
        *location_options(mysqld),
    ]
    return Command((str(mysqld.binary), *options), run, environment(mysqld))


def find_binlog(data: Path) -> Path:
    """Return the file of the binlog to which the server of this data folder writes now. Raises ValueError without one."""
    return max(data.glob("mysql-bin.[0-9]*"))


def tls_options(authority: Path, pair: Pair) -> list[str]:
    """Return the options of a server that shows this certificate and refuses connections without TLS."""
    return [
        f"--ssl-ca={authority}",
        f"--ssl-cert={pair.cert}",
        f"--ssl-key={pair.key}",
        "--tls-version=TLSv1.2",
        "--require-secure-transport=ON",
    ]


def environment(mysqld: Mysqld) -> dict[str, str]:
    variables = {"UMASK": "0600", "UMASK_DIR": "0700"}  # mysqld ignores the umask of its process
    return variables if mysqld.share is None else variables | {"LD_LIBRARY_PATH": str(libraries.folder())}


def location_options(mysqld: Mysqld) -> list[str]:
    """Return the options that name the server's own files, and that allow it to run as root."""
    options = ["--lower-case-table-names=0"]
    if mysqld.share is not None:
        options += [f"--lc-messages-dir={mysqld.share}", f"--basedir={mysqld.share.parent}"]
    if os.geteuid() == 0:
        options.append("--user=root")
    return options


def _init_sql(passwords: Passwords, requires_tls: bool) -> str:
    try:
        return render_script(passwords) + render_requirement(requires_tls)
    except PasswordUnfit as error:
        raise MysqlUnusable(str(error)) from error


def _unpack(folder: Path) -> None:
    (artifact,) = read_artifacts(["mysql"])
    with tempfile.TemporaryDirectory(dir=cache(), prefix="unpacking-") as temporary:
        with zipfile.ZipFile(artifact.path) as jar:
            inner = jar.extract("mysql-Linux-amd64.tar.gz", temporary)
        with tarfile.open(inner) as archive:
            # Python before 3.11.4 has no filters, and ignores this; the lock's hash says whose archive it is.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(Path(temporary) / "mysql")  # noqa: S202
        shutil.rmtree(folder, ignore_errors=True)
        (Path(temporary) / "mysql").rename(folder)


def _last_errors(log: str) -> str:
    lines = [line for line in log.splitlines() if "[ERROR]" in line] or log.splitlines()
    return " ".join(lines[-3:])[:600]
