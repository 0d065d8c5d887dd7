"""Replace the source of an instance by one with the settings of the original description, which tunes nothing.

Its connector is the version that the description names, so the instance is started with `nar` 3.1.2. What the description does not
set has Debezium's and Pulsar's defaults: a poll every 500 ms, batches of up to 2,048 rows, a producer that batches, and the row's
primary key as message key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Engine

from connectors import source
from connectors.admin import Admin
from db import binlog
from db.engine import READ, connect
from scenarios.waiting import until
from settings import Settings

NAME = "stock-outbox"
READS_WITHIN_S = 90.0
PLACES = (
    "database.hostname",
    "database.port",
    "database.user",
    "database.password",
    "database.server.id",
    "database.server.name",
    "database.history",
    "database.history.pulsar.service.url",
    "database.include.list",
    "table.include.list",
    "transforms.route.replacement",
)
"""Settings that say where things are, with the instance's own values."""
FIXED = {
    "include.schema.changes": "false",
    "tombstones.on.delete": "false",
    "decimal.handling.mode": "double",
    "database.allowPublicKeyRetrieval": "true",
    "database.ssl.mode": "disabled",
    "transforms": "route",
    "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
    "transforms.route.regex": "(.*)",
}
"""The description's other settings, as it has them."""


def render(settings: Settings) -> dict[str, Any]:
    """Return the configuration of the description's source for this instance; its position is on topics of its own."""
    config = source.render(settings)
    places = {name: config["configs"][name] for name in PLACES}
    history = f"persistent://{settings.pulsar_namespace}/{NAME}-schema-changes"
    return {
        name: config[name] for name in ("tenant", "namespace", "archive", "className", "topicName", "parallelism")
    } | {
        "name": NAME,
        "configs": places | FIXED | {"database.history.pulsar.topic": history},
    }


@contextmanager
def stock_source(settings: Settings) -> Iterator[dict[str, int]]:
    """Delete the source of the instance, create the description's, and wait until it reads the binlog.

    Yields no process: it runs in the broker's. Raises AdminUnavailable, AdminRefused or TookTooLong.
    """
    remove_source(settings)
    with Admin(settings, timeout_s=30) as admin, closing(_AdminEngine(settings)) as database:
        admin.create_source(render(settings))
        until(lambda: _is_read(database.engine), READS_WITHIN_S, "the stock source reads the binlog", 0.2)
    yield {}


def remove_source(settings: Settings) -> None:
    """Delete the source of the instance and wait until nothing reads the binlog. Raises what `stock_source` raises."""
    with Admin(settings, timeout_s=30) as admin, closing(_AdminEngine(settings)) as database:
        admin.delete_source(settings.source_name)
        until(lambda: not _is_read(database.engine), READS_WITHIN_S, "the source has ended", 0.2)


def _is_read(engine: Engine) -> bool:
    with engine.connect().execution_options(**READ) as connection:
        return binlog.is_captured(connection)


class _AdminEngine:
    def __init__(self, settings: Settings) -> None:
        self.engine = connect(settings.admin_url, pool_size=1)

    def close(self) -> None:
        self.engine.dispose()
