"""The settings model. Every field is an environment variable: `api_port` is `ALPES_API_PORT`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

Stack = Literal["embedded", "native", "compose", "external"]

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE_NAME = "mysql-outbox-commissions"
ROUTED_TOPIC_NAME = "outbox-events"
RAW_TOPIC_NAME = "alpes-mysql.alpes.outbox_event"
PINNED_NAR = "4.0.8"
SEED_NAR = "3.1.2"


@dataclass(frozen=True, slots=True)
class Topics:
    """Full names of every topic of an instance, `persistent://tenant/namespace/name`."""

    events: str
    """The live one: where capture publishes in this instance (routed, or raw with the NAR 3.1.2)."""
    routed: str
    raw: str
    commands: str
    dead_letter: str
    retry: str
    offsets: str
    schema_history: str
    naive: str
    """Where the naive writer of the dual-write scenario publishes."""

    def carrying_events(self) -> tuple[str, ...]:
        """The live topic first. The other one is read too: after a change of the connector it is drained, then silent."""
        return (self.events, self.raw if self.events == self.routed else self.routed)

    def observed(self) -> tuple[str, ...]:
        """Topics the observer records: events, dead letters, requeued events, commands, the naive writer's."""
        return (*self.carrying_events(), self.dead_letter, self.retry, self.commands, self.naive)


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="ALPES_", extra="ignore", frozen=True)

    stack: Stack = "embedded"
    home: Path = REPOSITORY / ".alpes" / "embedded"

    bind: str = Field("127.0.0.1", description="address every part listens on")
    api_port: int = 5001
    api_host: str = Field("", description="where others reach the API; empty: bind")
    dashboard_port: int = 8501
    broker_port: int = 6650
    admin_port: int = Field(8080, description="Pulsar's admin REST (native)")
    functions_port: int = Field(6750, description="Pulsar's functions worker (native)")
    mysql_port: int = Field(13306, description="MySQL (native)")

    database_url: str = Field("", description="SQLAlchemy URL of the application's user")
    database_worker_url: str = Field("", description="of the worker's user; empty: the application's")
    database_admin_url: str = Field("", description="of the user that migrates and resets; empty: the application's")
    database_root_url: str = Field("", description="of a user that makes the others; only `migrate` uses it")
    debezium_user: str = "debezium"
    debezium_password: SecretStr = SecretStr("")
    debezium_host: str = Field("127.0.0.1", description="where the source reaches the database")
    debezium_port: int = Field(0, description="0: the database's own")
    debezium_broker_url: str = Field("", description="where the source reaches the broker; empty: pulsar_url")
    source_archive: str = Field("", description="file:// URL of the connector at the broker; empty: the builtin one")

    pulsar_url: str = Field("", description="pulsar:// or pulsar+ssl:// service URL")
    pulsar_admin_url: str = Field("", description="http(s):// admin REST; empty where the broker has none")
    pulsar_token: SecretStr = SecretStr("")
    pulsar_tls_ca: Path | None = None
    pulsar_namespace: str = "public/default"
    subscription: str = "notifications"

    nar: str = Field(PINNED_NAR, description="version of pulsar-io-debezium-mysql the source runs (4.0.8 or 3.1.2)")
    workers: int = Field(1, ge=1, le=16, description="notification workers sharing the Key_Shared subscription")
    part_modules: dict[str, str] = Field(
        default_factory=dict, description="modules to run in place of a part's own: your worker against the scenarios"
    )
    without: tuple[str, ...] = Field((), description="parts not to start")
    default_rate: Decimal = Field(Decimal("0.10"), description="commission rate of a campaign without its own")
    campaign_rates: dict[str, Decimal] = Field(default_factory=dict)
    control_token: SecretStr = SecretStr("")

    @property
    def topics(self) -> Topics:
        def full(name: str) -> str:
            return f"persistent://{self.pulsar_namespace}/{name}"

        routed, raw = full(ROUTED_TOPIC_NAME), full(RAW_TOPIC_NAME)
        return Topics(
            # 3.1.2 ignores `transforms`, so its events stay on Debezium's own topic (measured).
            events=raw if self.nar == SEED_NAR and self.stack != "embedded" else routed,
            routed=routed,
            raw=raw,
            commands=full("commands"),
            dead_letter=full(f"{ROUTED_TOPIC_NAME}-{self.subscription}-DLQ"),
            retry=full(f"{ROUTED_TOPIC_NAME}-{self.subscription}-RETRY"),
            offsets=full(f"{SOURCE_NAME}-debezium-offset-topic"),
            schema_history=full("schema-changes.alpes"),
            naive=full("naive-events"),
        )

    @property
    def worker_url(self) -> str:
        return self.database_worker_url or self.database_url

    @property
    def admin_url(self) -> str:
        return self.database_admin_url or self.database_url

    @property
    def instance_file(self) -> Path:
        return self.home / "instance.json"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """Sockets, locks, fault leases and intents: what only lives as long as the instance."""
        return self.home / "run"

    @property
    def observer_store(self) -> Path:
        return self.data / "observer.db"

    @property
    def audit_file(self) -> Path:
        return self.data / "events.jsonl"

    @property
    def wake_socket(self) -> Path:
        """Datagram socket by which a commit wakes the relay."""
        return self.run / "relay.sock"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        found = [init_settings, env_settings]
        folder = os.environ.get("ALPES_SECRETS_DIR")
        if folder:  # one file a setting, as Docker and Kubernetes mount secrets: `alpes_database_url`
            found.append(SecretsSettingsSource(settings_cls, secrets_dir=folder))
        return *found, _InstanceFile(settings_cls, init_settings)

    def save(self) -> None:
        """Write the instance's file, secrets included, readable by its owner alone.

        Raises OSError when the home cannot be written.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        values = self.model_dump(mode="json")
        for name in ("control_token", "debezium_password", "pulsar_token"):
            values[name] = getattr(self, name).get_secret_value()
        temporary = self.instance_file.with_suffix(".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=2)
        temporary.replace(self.instance_file)


class _InstanceFile(PydanticBaseSettingsSource):
    """What `save()` wrote below the home that the arguments or the environment name."""

    def __init__(self, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._arguments = init_settings()

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        home = self._arguments.get("home") or os.environ.get("ALPES_HOME") or Settings.model_fields["home"].default
        try:
            values: dict[str, Any] = json.loads((Path(home) / "instance.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        values.pop("home", None)
        return values


def load(**arguments: Any) -> Settings:
    """Settings of the instance that `arguments` or the environment name.

    Raises pydantic.ValidationError naming the field when a value does not fit.
    """
    return Settings(**arguments)
