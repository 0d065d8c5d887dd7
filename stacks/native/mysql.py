"""Run this instance's `mysqld`: 8.0, the one on the PATH or else the downloaded 8.0.15, or the downloaded 9.7."""

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
from settings.stack_facts import MysqlVersion
from stacks.command import Command
from stacks.native import debian_mysql, libraries, limits
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
"""Options of every server 8.0 of ours; the compose stack has the same."""
WITHOUT_SUCCESSOR = ("--default-authentication-plugin=mysql_native_password",)
"""Options that MySQL 9.7 has no more: its users have the default authentication."""


class MysqlUnusable(ExpectedError):
    """`mysqld` cannot be run here; `str(error)` says what to do."""


@dataclass(frozen=True, slots=True)
class Mysqld:
    binary: Path
    version: str
    share: Path | None
    """Folder of its messages; None for a server that the system installed."""
    launcher: tuple[str, ...] = ()
    """Words before the program's path, where a loader of its own starts it."""

    @property
    def argv(self) -> list[str]:
        return [*self.launcher, str(self.binary)]


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


def list_groups(version: MysqlVersion = "8.0") -> list[str]:
    """Return the groups of the lock that a server of this version needs; none for one that the system has."""
    return {"8.0": [] if on_path() else ["mysql"], "9.7": [debian_mysql.GROUP]}[version]


def name_version(version: MysqlVersion) -> str:
    """Return the full version of the server that `obtain` returns."""
    system_mysqld = on_path()
    return {"8.0": system_mysqld.version if system_mysqld else "8.0.15", "9.7": debian_mysql.VERSION}[version]


def obtain(version: MysqlVersion = "8.0") -> Mysqld:
    """Return the server's program, after unpacking what was downloaded if that is needed. Raises MysqlUnusable."""
    return {"8.0": _obtain_older, "9.7": _obtain_newer}[version]()


def _obtain_newer() -> Mysqld:
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        raise MysqlUnusable("MySQL 9.7 is downloaded for Linux x86-64 only; leave --mysql out, or use another stack")
    try:
        debian_mysql.ensure_unpacked()
    except (OSError, ValueError) as error:
        raise MysqlUnusable(f"MySQL {debian_mysql.VERSION} could not be unpacked: {error}") from error
    return Mysqld(debian_mysql.binary(), debian_mysql.VERSION, debian_mysql.share(), debian_mysql.launcher())


def _obtain_older() -> Mysqld:
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
            *mysqld.argv,
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
        *_server_options(mysqld),
        *(tls_options(*tls) if tls else []),
        *location_options(mysqld),
    ]
    return Command((*mysqld.argv, *options), run, environment(mysqld))


def _server_options(mysqld: Mysqld) -> list[str]:
    return [option for option in SERVER if not (mysqld.launcher and option in WITHOUT_SUCCESSOR)]


def require_same_version(data: Path, version: MysqlVersion) -> None:
    """Note with which version the data begin; later, raise MysqlUnusable for another one, which cannot read them."""
    note = data.with_name(f"{data.name}.version")
    if not (data / "mysql.ibd").exists():
        note.write_text(version, encoding="utf-8")
        return
    written_by = note.read_text(encoding="utf-8").strip() if note.exists() else "8.0"
    if written_by != version:
        raise MysqlUnusable(
            f"the data in {data} are of MySQL {written_by}, and {version} cannot read them. Start it with --mysql"
            f" {written_by}; to change it, ./alpes backup FILE, ./alpes clean, start with --mysql {version}, and"
            " ./alpes restore FILE"
        )


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
    is_alone = mysqld.share is None or mysqld.launcher  # it finds its libraries by itself
    return variables if is_alone else variables | {"LD_LIBRARY_PATH": str(libraries.folder())}


def location_options(mysqld: Mysqld) -> list[str]:
    """Return the options that name the server's own files, and that allow it to run as root."""
    options = ["--lower-case-table-names=0"]
    if mysqld.launcher:  # by default it would look for these in the system's folders
        options += [f"--character-sets-dir={mysqld.share}/charsets", "--secure-file-priv=NULL"]
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
