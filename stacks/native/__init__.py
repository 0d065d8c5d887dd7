"""The native stack: real MySQL, real Pulsar and the real Debezium source, without Docker or root."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import make_url

from connectors.admin import Admin, AdminRefused, AdminUnavailable
from db import users
from domain.errors import ExpectedError
from settings import Settings
from settings.model import PINNED_NAR, SEED_NAR
from stacks import edges
from stacks.command import Part
from stacks.native import debezium_server, java, libraries, mysql, pulsar, secure
from stacks.native.artifacts import Artifact, Progress, download_missing, find_missing_artifacts, read_artifacts
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


class UnknownNar(ExpectedError, ValueError):
    """The lock has no such version of the connector."""


class NameUnfit(ExpectedError, ValueError):
    """The home's name has characters with a special meaning in Java's configuration files."""


def require_name(home: Path) -> None:
    """Raise NameUnfit if the native stack cannot work in this home."""
    bad_characters = sorted(set(re.sub(r"[A-Za-z0-9/._@+=~() -]", "", str(home))))
    if bad_characters:
        raise NameUnfit(
            f"the native stack cannot work in {home}: {' '.join(bad_characters)} has a special meaning in Pulsar's"
            " configuration and class path. Name another folder, ALPES_HOME=/path, or the embedded stack, which accepts"
            " every name"
        )


def urls(settings: Settings) -> dict[str, object]:
    """Return URLs with generated passwords. Passwords of an earlier start are kept, with the present ports.

    Raises OSError or secure.NotLoopback.
    """
    broker, admin = ("pulsar+ssl", "https") if settings.secure else ("pulsar", "http")
    values: dict[str, object] = {
        "pulsar_url": f"{broker}://{settings.bind}:{settings.broker_port}",
        "pulsar_admin_url": f"{admin}://{settings.bind}:{settings.admin_port}",
        **secure.prepare(settings),
    }
    for field, user in USERS.items():
        earlier_url = getattr(settings, field)
        password = make_url(earlier_url).password if earlier_url.startswith("mysql") else secrets.token_urlsafe(18)
        values[field] = f"mysql+pymysql://{user}:{password}@{settings.bind}:{settings.mysql_port}/{DATABASE}"
    values["debezium_password"] = settings.debezium_password.get_secret_value() or secrets.token_urlsafe(18)
    values["debezium_host"] = settings.bind
    if settings.edge_ports:
        values["debezium_port"] = edges.port_to(settings, "capture-database", settings.mysql_port)
        broker_port = edges.port_to(settings, "capture-broker", settings.broker_port)
        values["debezium_broker_url"] = f"{broker}://{settings.bind}:{broker_port}"
    return values


def needed(settings: Settings) -> list[Artifact]:
    """Return the artifacts that this instance needs. Raises UnknownNar."""
    mysql_groups = mysql.list_groups(settings.mysql_version)
    if not settings.facts.capture.has_connector:
        return read_artifacts(["pulsar", "byteman", debezium_server.GROUP, *mysql_groups])
    if settings.nar not in (PINNED_NAR, SEED_NAR):
        raise UnknownNar(f"there is no connector {settings.nar}; choose {PINNED_NAR} or {SEED_NAR}")
    return read_artifacts(["pulsar", "byteman", f"nar-{settings.nar}", *mysql_groups])


def download(settings: Settings, progress: Progress) -> None:
    """Download everything that is not in the cache yet. Raises FetchFailed or UnknownNar."""
    artifacts = needed(settings)
    java.ensure_installed()
    download_missing(artifacts, progress)


def warm(settings: Settings) -> bool:
    """Return whether the instance can start without a network."""
    return java.is_present() and not find_missing_artifacts(needed(settings))


def prepare(settings: Settings, say: Say) -> list[Part]:
    """Initialize MySQL, write the configurations, and return the components. Raises mysql.MysqlUnusable."""
    data = settings.data / "mysql"
    mysql.require_same_version(data, settings.mysql_version)
    libraries.install(say)
    mysqld = mysql.obtain(settings.mysql_version)
    if not data.exists():
        say("creating MySQL's data directory")
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
    parts = [
        Part("database", database, priority=100, stop_wait_s=20),
        Part("broker", pulsar.command(settings), priority=100, stop_wait_s=20),
    ]
    if settings.facts.capture.has_connector:
        return parts
    return [*parts, debezium_server.part(settings)]


def versions(settings: Settings) -> dict[str, str]:
    """Return names and versions as the components report them; unreachable ones with the pinned versions."""
    broker = pulsar.VERSION
    try:
        with Admin(settings, timeout_s=2) as admin:
            broker = admin.version()
    except (AdminUnavailable, AdminRefused):
        pass
    return {
        "database": f"MySQL {mysql.name_version(settings.mysql_version)}",
        "capture": _name_capture(settings),
        "broker": f"Pulsar {broker}",
    }


def _name_capture(settings: Settings) -> str:
    if settings.facts.capture.has_connector:
        return f"Debezium {DEBEZIUM_VERSION} (NAR {settings.nar})"
    return f"{settings.facts.capture.product} {debezium_server.VERSION}"


def _passwords(settings: Settings) -> users.Passwords:
    return users.read_passwords(
        settings.database_admin_url,
        settings.database_url,
        settings.database_worker_url,
        settings.debezium_password.get_secret_value(),
        # Nothing logs in as root afterwards. It has the admin user's password, so that one file holds all passwords.
        root=make_url(settings.database_admin_url).password or "",
    )
