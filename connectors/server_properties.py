"""Render the properties of Debezium Server from the committed template, and name its files."""

from __future__ import annotations

from pathlib import Path
from string import Template

from connectors.snapshot_rows import render_override
from settings import Settings

TEMPLATE = Path(__file__).parent / "pulsar" / "debezium-server.properties"


def render(settings: Settings, statement: str = "") -> str:
    """Return the properties; with a `statement`, its snapshot publishes the rows that this selects.

    They name the password, which the process has in its environment (`secrets`).
    """
    tenant, namespace = settings.pulsar_namespace.split("/")
    values = {
        "broker_url": settings.debezium_broker_url or settings.pulsar_url,
        "tenant": tenant,
        "namespace": namespace,
        "hostname": settings.debezium_host,
        "port": settings.debezium_port or settings.mysql_port,
        "user": settings.debezium_user,
        "server_id": settings.debezium_server_id,
        "tls_mode": settings.debezium_tls_mode,
        "server_name": settings.server_name,
        "database": settings.database_name,
        "table": f"{settings.database_name}.outbox_event",
        "history_file": history_file(settings),
        "offsets_file": offsets_file(settings),
        "events_topic": settings.events_topic,
    }
    ordinary = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values)
    override = render_override(settings, statement)
    return ordinary + "".join(f"debezium.source.{name}={value}\n" for name, value in override.items())


def secrets(settings: Settings) -> dict[str, str]:
    """Return the environment that the process needs: the values of `${NAME}` in the properties."""
    return {"ALPES_DEBEZIUM_PASSWORD": settings.debezium_password.get_secret_value()}


def folder(settings: Settings) -> Path:
    """Return the folder of what it must find again after a restart: its position, and the schema at each position."""
    return settings.data / "debezium-server"


def offsets_file(settings: Settings) -> Path:
    """Return the file of its position in the binlog. Without it, it begins with a snapshot of the outbox."""
    return folder(settings) / "offsets.dat"


def history_file(settings: Settings) -> Path:
    """Return the file of the outbox's schema at each position."""
    return folder(settings) / "schema-history.jsonl"
