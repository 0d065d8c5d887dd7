"""`mysqld` of this instance: the one on the PATH where it is 8.0, else the downloaded 8.0.15."""

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
from functools import cache as once
from pathlib import Path

from application.wake import socket_address
from db.users import Passwords, PasswordUnfit, render_script
from stacks.command import Command
from stacks.native import libraries, limits
from stacks.native.artifacts import cache, locked
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
    # For one laptop and a few connections: a third of the memory that the defaults take.
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=64M",
    "--max-connections=150",
    "--table-open-cache=200",
)
"""What a server of ours is set to, whoever runs it: the compose stack's has the same."""


class MysqlUnusable(Exception):
    """`mysqld` cannot be run here; `str(error)` says what to do."""


@dataclass(frozen=True, slots=True)
class Mysqld:
    binary: Path
    version: str
    share: Path | None
    """Folder of its messages; None for one that the system installed."""


@once
def on_path() -> Mysqld | None:
    """The system's `mysqld`, if it is one that Debezium 1.9.7 can read: 8.0, and not MariaDB."""
    for place in (shutil.which("mysqld"), "/usr/sbin/mysqld"):
        if place is None or not os.access(place, os.X_OK):
            continue
        text = subprocess.run([place, "--version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"Ver (8\.0\.\d+)", text)
        if found and "MariaDB" not in text:
            return Mysqld(Path(place), found.group(1), None)
    return None


def needs_download() -> bool:
    return on_path() is None


def obtain() -> Mysqld:
    """The server's program, unpacked from the downloaded archive where that is needed. Raises MysqlUnusable."""
    system = on_path()
    if system is not None:
        return system
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        raise MysqlUnusable(
            "MySQL is downloaded for Linux x86-64 only; install MySQL 8.0 so that `mysqld` is on the PATH"
            " (8.4 and later cannot be read by Debezium 1.9), or use the embedded or compose stack"
        )
    absent = [library for library in libraries.check() if not library.found]
    if absent:
        names = ", ".join(library.name for library in absent)
        fix = "; ".join(library.fix for library in absent)
        raise MysqlUnusable(f"mysqld needs {names}, which this system lacks. Install: {fix}")
    folder = cache() / "mysql-8.0.15"
    if not (folder / "bin" / "mysqld").exists():
        _unpack(folder)
    return Mysqld(folder / "bin" / "mysqld", "8.0.15", folder / "share")


def initialize(mysqld: Mysqld, data: Path) -> None:
    """Make a new data directory; one that is there is left alone. Raises MysqlUnusable."""
    if (data / "mysql.ibd").exists():
        return
    shutil.rmtree(data, ignore_errors=True)  # an initialization that was interrupted
    data.parent.mkdir(parents=True, exist_ok=True)
    building = data.with_name(data.name + ".new")
    shutil.rmtree(building, ignore_errors=True)
    done = subprocess.run(
        [str(mysqld.binary), "--no-defaults", "--initialize-insecure", f"--datadir={building}", *located(mysqld)],
        env=os.environ | environment(mysqld),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise MysqlUnusable(f"mysqld could not make its data directory {data}: {_errors(done.stderr)}")
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
    """How the server is run; users and passwords are set by its init file at each start.

    `tls` are its authority and its pair: then nobody is let in without TLS.
    """
    init_file = run / "mysql-init.sql"
    descriptor = os.open(init_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(_init_sql(passwords) + _require("SSL" if tls else "NONE"))
    options = [
        "--no-defaults",
        f"--datadir={data}",
        f"--port={port}",
        f"--bind-address={bind}",
        f"--socket={socket_address(run / 'mysql.sock')}",
        f"--pid-file={run / 'mysqld.pid'}",
        f"--init-file={init_file}",
        *SERVER,
        *_tls(tls),
        *located(mysqld),
    ]
    return Command((str(mysqld.binary), *options), run, environment(mysqld))


def _tls(tls: tuple[Path, Pair] | None) -> list[str]:
    if tls is None:
        return []
    authority, pair = tls
    return [
        f"--ssl-ca={authority}",
        f"--ssl-cert={pair.cert}",
        f"--ssl-key={pair.key}",
        "--tls-version=TLSv1.2",
        "--require-secure-transport=ON",
    ]


def _require(what: str) -> str:
    users = ("alpes_admin", "alpes", "alpes_worker", "debezium")
    return "".join(f"ALTER USER '{user}'@'%' REQUIRE {what};\n" for user in users)


def environment(mysqld: Mysqld) -> dict[str, str]:
    private = {"UMASK": "0600", "UMASK_DIR": "0700"}  # it does not go by its process's own
    return private if mysqld.share is None else private | {"LD_LIBRARY_PATH": str(libraries.folder())}


def located(mysqld: Mysqld) -> list[str]:
    """Options that lead a server to its own files, and let root run one."""
    options = ["--lower-case-table-names=0"]
    if mysqld.share is not None:
        options += [f"--lc-messages-dir={mysqld.share}", f"--basedir={mysqld.share.parent}"]
    if os.geteuid() == 0:
        options.append("--user=root")
    return options


def _init_sql(passwords: Passwords) -> str:
    try:
        return render_script(passwords)
    except PasswordUnfit as error:
        raise MysqlUnusable(str(error)) from error


def _unpack(folder: Path) -> None:
    (artifact,) = locked(["mysql"])
    with tempfile.TemporaryDirectory(dir=cache(), prefix="unpacking-") as temporary:
        with zipfile.ZipFile(artifact.path) as jar:
            inner = jar.extract("mysql-Linux-amd64.tar.gz", temporary)
        with tarfile.open(inner) as archive:
            # Python before 3.11.4 has no filters, and ignores this; the lock's hash says whose archive it is.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(Path(temporary) / "mysql")  # noqa: S202
        shutil.rmtree(folder, ignore_errors=True)
        (Path(temporary) / "mysql").rename(folder)


def _errors(log: str) -> str:
    lines = [line for line in log.splitlines() if "[ERROR]" in line] or log.splitlines()
    return " ".join(lines[-3:])[:600]
