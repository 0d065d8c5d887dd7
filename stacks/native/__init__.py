"""The native stack's own parts: real MySQL, real Pulsar, the real Debezium source, without Docker or root."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import make_url

from connectors.admin import Admin, AdminRefused, AdminUnavailable
from db import users
from settings import Settings
from settings.model import PINNED_NAR, SEED_NAR
from stacks.command import Part
from stacks.native import java, libraries, mysql, pulsar, secure
from stacks.native.artifacts import Artifact, Progress, ensure, locked, missing
from stacks.native.secure import NotLoopback

__all__ = [
    "NameUnfit",
    "NotLoopback",
    "UnknownNar",
    "download",
    "needed",
    "prepare",
    "require_name",
    "urls",
    "versions",
    "warm",
]

Say = Callable[[str], None]
DATABASE = "alpes"
USERS = {"database_admin_url": "alpes_admin", "database_url": "alpes", "database_worker_url": "alpes_worker"}
DEBEZIUM_VERSION = "1.9.7"


class UnknownNar(ValueError):
    """No such connector version is locked."""


class NameUnfit(ValueError):
    """The home's name has characters that Java's configuration files read as something else."""


def require_name(home: Path) -> None:
    """Raises NameUnfit."""
    wrong = sorted(set(re.sub(r"[A-Za-z0-9/._@+=~() -]", "", str(home))))
    if wrong:
        raise NameUnfit(
            f"the native stack cannot work in {home}: the configuration of Pulsar and its class path read {' '.join(wrong)} as"
            " something else. Name another folder, ALPES_HOME=/path, or use the embedded stack, which takes every name"
        )


def urls(settings: Settings) -> dict[str, object]:
    """URLs and made-up passwords; those of an earlier start are kept, with the ports of now.

    Raises OSError or secure.NotLoopback.
    """
    broker, admin = ("pulsar+ssl", "https") if settings.secure else ("pulsar", "http")
    values: dict[str, object] = {
        "pulsar_url": f"{broker}://{settings.bind}:{settings.broker_port}",
        "pulsar_admin_url": f"{admin}://{settings.bind}:{settings.admin_port}",
        **secure.prepared(settings),
    }
    for field, user in USERS.items():
        known = getattr(settings, field)
        password = make_url(known).password if known.startswith("mysql") else secrets.token_urlsafe(18)
        values[field] = f"mysql+pymysql://{user}:{password}@{settings.bind}:{settings.mysql_port}/{DATABASE}"
    values["debezium_password"] = settings.debezium_password.get_secret_value() or secrets.token_urlsafe(18)
    values["debezium_host"] = settings.bind
    return values


def needed(settings: Settings) -> list[Artifact]:
    """What this instance needs downloaded. Raises UnknownNar."""
    if settings.nar not in (PINNED_NAR, SEED_NAR):
        raise UnknownNar(f"there is no connector {settings.nar}; there are {PINNED_NAR} and {SEED_NAR}")
    groups = ["pulsar", "byteman", f"nar-{settings.nar}"]
    return locked(groups + (["mysql"] if mysql.needs_download() else []))


def download(settings: Settings, progress: Progress) -> None:
    """Everything that is not in the cache yet. Raises FetchFailed or UnknownNar."""
    wanted = needed(settings)
    java.ensure()
    ensure(wanted, progress)


def warm(settings: Settings) -> bool:
    """Whether it can start without a network."""
    return java.present() and not missing(needed(settings))


def prepare(settings: Settings, say: Say) -> list[Part]:
    """Initialize MySQL, write the configurations; the parts. Raises mysql.MysqlUnusable."""
    libraries.install(say)
    mysqld = mysql.obtain()
    data = settings.data / "mysql"
    if not data.exists():
        say("making MySQL's data directory")
    mysql.initialize(mysqld, data)
    database = mysql.command(
        mysqld,
        data=data,
        run=settings.run,
        port=settings.mysql_port,
        bind=settings.bind,
        passwords=_passwords(settings),
        tls=secure.mysql_pair(settings) if settings.secure else None,
    )
    return [
        Part("database", database, priority=100, stop_wait_s=20),
        Part("broker", pulsar.command(settings, java.binary()), priority=100, stop_wait_s=20),
    ]


def versions(settings: Settings) -> dict[str, str]:
    """As the parts themselves say; what does not answer is named by what is pinned."""
    found = mysql.on_path()
    broker = pulsar.VERSION
    try:
        with Admin(settings, timeout_s=2) as admin:
            broker = admin.version()
    except (AdminUnavailable, AdminRefused):
        pass
    return {
        "database": f"MySQL {found.version if found else '8.0.15'}",
        "capture": f"Debezium {DEBEZIUM_VERSION} (NAR {settings.nar})",
        "broker": f"Pulsar {broker}",
    }


def _passwords(settings: Settings) -> users.Passwords:
    return users.passwords(
        settings.database_admin_url,
        settings.database_url,
        settings.database_worker_url,
        settings.debezium_password.get_secret_value(),
        # Nobody logs in as root afterwards; it gets what the admin user has, so that one file knows every password.
        root=make_url(settings.database_admin_url).password or "",
    )
