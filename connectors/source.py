"""Render the configuration of the Debezium source from the committed template, create the source and read its status."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any

from connectors.admin import Admin, AdminRefused, SourceStatus
from connectors.snapshot_rows import render_override
from settings import Settings
from settings.model import SEED_NAR

TEMPLATE = Path(__file__).parent / "pulsar" / "debezium-mysql-outbox.json"

# Connector 3.1.2 sleeps a second after an empty poll and waits to fill a batch. Batches of one make it fast and cost about a
# tenth of the throughput.
_SEED_CHANGES = {"max.batch.size": "1", "poll.interval.ms": "5000"}


BUILTIN = "builtin://debezium-mysql"


def render(settings: Settings, statement: str = "") -> dict[str, Any]:
    """Return the source's configuration; with a `statement`, its snapshot publishes the rows that this selects.

    It refers to secrets in the broker's environment (`secrets`) where the broker has them there, and contains them elsewhere.

    Debezium receives only strings of `configs`, so every value is a string.
    """
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        archive=settings.source_archive or BUILTIN,
        hostname=settings.debezium_host,
        port=settings.debezium_port or settings.mysql_port,
        user=settings.debezium_user,
        password=json.dumps(_get_secret(settings, "debezium_password"))[1:-1],
        broker_url=settings.debezium_broker_url or settings.pulsar_url,
    )
    config: dict[str, Any] = json.loads(text)
    tenant, namespace = settings.pulsar_namespace.split("/")
    config |= {"tenant": tenant, "namespace": namespace, "name": settings.source_name}
    config["topicName"] = settings.topics.routed
    config["configs"] |= _render_names(settings) | _render_tls(settings) | render_override(settings, statement)
    if settings.pulsar_url.startswith("pulsar+ssl") or settings.token():
        # This client supports neither TLS nor tokens. Without the URL, Debezium uses the source's own client, which does.
        del config["configs"]["database.history.pulsar.service.url"]
    if settings.nar == SEED_NAR:
        config["configs"] |= _SEED_CHANGES
    return config


SECRETS = ("debezium_password", "debezium_tls_truststore_password")


def secrets(settings: Settings) -> dict[str, str]:
    """Return the environment that our broker needs: the values of `${NAME}` in the configuration."""
    return {f"ALPES_{name.upper()}": getattr(settings, name).get_secret_value() for name in SECRETS}


def _get_secret(settings: Settings, name: str) -> str:
    if settings.broker_is_guarded:
        return f"${{ALPES_{name.upper()}}}"
    value: str = getattr(settings, name).get_secret_value()
    return value


def _render_names(settings: Settings) -> dict[str, str]:
    table = f"{settings.database_name}.outbox_event"
    return {
        "database.server.id": str(settings.debezium_server_id),
        "database.server.name": settings.server_name,
        "database.include.list": settings.database_name,
        "table.include.list": table,
        "message.key.columns": f"{table}:aggregate_id",
        "database.history.pulsar.topic": settings.topics.schema_history,
        "offset.storage.topic": settings.topics.offsets,
        "transforms.route.replacement": settings.events_topic,
    }


def _render_tls(settings: Settings) -> dict[str, str]:
    options: dict[str, str] = {"database.ssl.mode": settings.debezium_tls_mode}
    if settings.debezium_tls_truststore is not None:
        options["database.ssl.truststore"] = str(settings.debezium_tls_truststore)
        options["database.ssl.truststore.password"] = _get_secret(settings, "debezium_tls_truststore_password")
    return options


def ensure_source(admin: Admin, config: dict[str, Any]) -> str:
    """Create the source, or update a different configuration. Return what was done: created, updated or kept."""
    name = str(config["name"])
    if not admin.source_exists(name):
        admin.create_source(config)
        return "created"
    existing = admin.source_config(name)
    if existing.get("configs") == config["configs"] and existing.get("topicName") == config["topicName"]:
        return "kept"
    try:
        admin.update_source(config)
    except AdminRefused as error:
        if "does not contain changes" not in error.reason:
            raise
        return "kept"
    return "updated"


def status(admin: Admin, name: str) -> SourceStatus | None:
    """Return the status of the source, None when there is none. Raise AdminUnavailable or AdminRefused."""
    try:
        return admin.source_status(name)
    except AdminRefused as error:
        if error.status == 404:
            return None
        raise
