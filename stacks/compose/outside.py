"""Reach the compose stack from this machine: the URLs of its published ports, with the passwords of its file."""

from __future__ import annotations

import os

from sqlalchemy import Engine, make_url, text

from connectors.admin import Admin, AdminRefused, AdminUnavailable
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from settings import Settings
from stacks.compose import cli
from stacks.compose.docker import Docker

TAKEN_FROM = {
    "database_url": ("api", "ALPES_DATABASE_URL"),
    "database_worker_url": ("commands", "ALPES_DATABASE_WORKER_URL"),
    "database_admin_url": ("migrate", "ALPES_DATABASE_ADMIN_URL"),
}
"""Setting → the service and the variable that hold it in `docker-compose.yml`."""

SHARED = ("crash", "heartbeat", "leases", "metrics")
"""Folders below `run` to which both the containers and this machine write."""


def urls(settings: Settings) -> dict[str, object]:
    """Return the settings by which this machine reaches database and broker. Raises DockerUnavailable."""
    services = Docker(settings).environments()
    values: dict[str, object] = {"pulsar_admin_url": f"http://{settings.bind}:{settings.admin_port}"}
    for field, (service, name) in TAKEN_FROM.items():
        inside = make_url(services[service][name])
        outside = inside.set(host=settings.bind, port=settings.mysql_port)
        values[field] = outside.render_as_string(hide_password=False)
    if settings.cluster:
        values["workers"] = int(services["commands"]["ALPES_WORKERS"])
        values["partitions"] = int(services["commands"]["ALPES_PARTITIONS"])
    source = services["source"]
    return values | {
        "debezium_password": source["ALPES_DEBEZIUM_PASSWORD"],
        "debezium_host": source["ALPES_DEBEZIUM_HOST"],
        "debezium_port": int(source["ALPES_DEBEZIUM_PORT"]),
        "debezium_broker_url": source["ALPES_DEBEZIUM_BROKER_URL"],
        "source_archive": source["ALPES_SOURCE_ARCHIVE"],
    }


def prepare(settings: Settings) -> None:
    """Create the folders to which the containers write, owned by the containers' user; Docker would create them for root.

    Those below `run` too: a component removes an armed crash point there, and this process arms it.
    """
    settings.logs.mkdir(parents=True, exist_ok=True)
    for folder in (settings.data, settings.run, *(settings.run / name for name in SHARED)):
        folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() != cli.owner():
            os.chown(folder, cli.owner(), 0)


def versions(settings: Settings) -> dict[str, str]:
    """Return the versions that the components report; one that does not answer is named without a version."""
    return {
        "database": f"MySQL {_database(settings)}".strip(),
        "capture": f"Debezium (NAR {settings.nar})",
        "broker": f"Pulsar {_broker(settings)}".strip(),
    }


def _database(settings: Settings) -> str:
    if not settings.database_url:
        return ""
    engine: Engine = connect(settings.database_url, pool_size=1)
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            return str(connection.scalar(text("SELECT VERSION()")))
    except DatabaseUnavailable:
        return ""
    finally:
        engine.dispose()


def _broker(settings: Settings) -> str:
    try:
        with Admin(settings, timeout_s=2) as admin:
            return admin.version()
    except (AdminUnavailable, AdminRefused):
        return ""
