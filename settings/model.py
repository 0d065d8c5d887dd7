"""Define the settings. Every field is also an environment variable: `api_port` is `ALPES_API_PORT`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from settings import files
from settings.checks import CheckedSettings, Port
from settings.instance_files import InstanceFiles
from settings.stack_facts import STACKS, CaptureName, MysqlVersion, Stack, StackFacts
from settings.topics import Topics

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE_NAME = "mysql-outbox-commissions"
ROUTED_TOPIC_NAME = "outbox-events"
RAW_TOPIC_NAME = "alpes-mysql.alpes.outbox_event"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
PINNED_NAR = "4.0.8"
SEED_NAR = "3.1.2"


class Settings(CheckedSettings):
    model_config = SettingsConfigDict(env_prefix="ALPES_", extra="ignore", frozen=True)

    stack: Stack = "embedded"
    home: Path = Field(REPOSITORY / ".alpes" / "embedded", validate_default=True)

    bind: str = Field("127.0.0.1", description="address on which every component listens")
    api_port: Port = 5001
    api_host: str = Field("", description="host at which other processes reach the API; empty: bind")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="further host names to which page and API answer, such as a proxy's"
    )
    trusted_proxies: tuple[str, ...] = Field(
        (), description="addresses or networks of proxies whose X-Forwarded-For names the API's client"
    )
    dashboard_port: Port = 8501
    broker_port: Port = 6650
    admin_port: Port = Field(8080, description="Pulsar's admin REST (native)")
    functions_port: Port = Field(6750, description="Pulsar's functions worker (native)")
    mysql_port: Port = Field(13306, description="MySQL (native)")

    database_url: str = Field("", description="SQLAlchemy URL of the application's user")
    database_worker_url: str = Field("", description="of the worker's user; empty: the application's")
    database_admin_url: str = Field("", description="of the user that migrates and resets; empty: the application's")
    database_root_url: str = Field("", description="of a user that creates the others; only `migrate` uses it")
    debezium_user: str = "debezium"
    debezium_password: SecretStr = SecretStr("")
    debezium_host: str = Field("127.0.0.1", description="where the source reaches the database")
    debezium_port: Port = Field(0, description="0: the database's own")
    debezium_broker_url: str = Field("", description="where the source reaches the broker; empty: pulsar_url")
    source_archive: str = Field("", description="file:// URL of the connector at the broker; empty: the builtin one")

    pulsar_url: str = Field("", description="pulsar:// or pulsar+ssl:// service URL")
    pulsar_admin_url: str = Field("", description="http(s):// admin REST; empty where the broker has none")
    pulsar_token: SecretStr = SecretStr("")
    pulsar_token_file: Path | None = Field(None, description="read at each connection; has priority over pulsar_token")
    pulsar_tokens: Path | None = Field(None, description="folder with a token a component: notifications.jwt, …")
    pulsar_admin_token_file: Path | None = Field(None, description="for the admin REST; empty: the client's token")
    pulsar_tls_ca: Path | None = Field(None, description="PEM; empty: the system's authorities")
    pulsar_tls_cert: Path | None = Field(None, description="client certificate, PEM")
    pulsar_tls_key: Path | None = Field(None, description="its key, PEM (PKCS#8)")
    pulsar_tls_hostname_check: bool = True
    database_tls_ca: Path | None = Field(None, description="PEM; with it connections to MySQL use TLS only")
    database_tls_cert: Path | None = None
    database_tls_key: Path | None = None
    database_tls_hostname_check: bool = True
    debezium_tls_mode: Literal["disabled", "preferred", "required", "verify_ca", "verify_identity"] = "disabled"
    debezium_tls_truststore: Path | None = Field(None, description="JKS or PKCS#12, where the source runs")
    debezium_tls_truststore_password: SecretStr = SecretStr("")
    secure: bool = Field(False, description="native, compose.prod.yml: TLS, tokens and roles on broker, TLS on MySQL")
    cluster: bool = Field(False, description="compose: ZooKeeper, three bookies, two brokers and a proxy as its broker")
    plain_admin_port: Port = Field(8081, description="native and secure: a loopback port the functions worker needs")
    pulsar_namespace: str = Field("public/default", pattern=r"^[\w.=-]+/[\w.=-]+$")
    events_topic: str = Field(ROUTED_TOPIC_NAME, pattern=NAME)
    commands_topic: str = Field("commands", pattern=NAME)
    source_name: str = Field(SOURCE_NAME, pattern=NAME)
    server_name: str = Field("alpes-mysql", pattern=NAME, description="Debezium's name of the database server")
    debezium_server_id: int = Field(223344, ge=1, description="unique among the replicas of the MySQL server")
    subscription: str = Field("notifications", pattern=NAME)
    commands_subscription: str = Field("commands", pattern=NAME)
    observer_subscription: str = Field("alpes-observer", pattern=NAME)
    partitions: int = Field(0, ge=0, le=64, description="of the topics of events and commands; 0: not partitioned")

    capture: CaptureName = Field("", description="debezium or debezium-server; empty: the stack's own")
    mysql_version: MysqlVersion = Field("8.0", description="native: version of the MySQL that it starts, 8.0 or 9.7")
    nar: str = Field(PINNED_NAR, description="version of pulsar-io-debezium-mysql the source runs (4.0.8 or 3.1.2)")
    workers: int = Field(1, ge=1, le=16, description="notification workers sharing the Key_Shared subscription")
    part_modules: dict[str, str] = Field(
        default_factory=dict, description="component → module that runs in its place, such as your own worker"
    )
    without: tuple[str, ...] = Field((), description="components that do not start")
    edge_ports: dict[str, int] = Field(
        default_factory=dict, description="edge → port of the proxy that can break it; empty: no proxies"
    )
    owner_pid: int = Field(
        0,
        ge=0,
        description="process id of the owner of a private instance; when it ends, the instance is stopped and deleted",
    )
    audit_dir: Path | None = Field(None, description="folder of events.jsonl; empty: with the other data")
    default_rate: Decimal = Field(Decimal("0.10"), description="commission rate of a campaign without its own")
    campaign_rates: dict[str, Decimal] = Field(default_factory=dict)
    control_token: SecretStr = SecretStr("")
    demo_controls: bool = Field(
        True, description="whether faults may be injected and data be reset; false in production"
    )
    crash_key: SecretStr = Field(
        SecretStr(""),
        description="compose: key by which a component recognizes an armed crash point; empty: derived from the token",
    )

    api_token: SecretStr = Field(SecretStr(""), description="with it the API accepts only requests with this token")
    api_rate_limit: str = Field("", description="limit for each client address, such as 100/second; empty: none")
    read_only: bool = Field(
        False, description="for a public demonstration: the API accepts no commands, the page has no forms"
    )
    oidc_metadata_url: str = Field("", description="…/.well-known/openid-configuration; with it the page has a login")
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_redirect_uri: str = Field("", description="empty: the page's own address with /oauth2callback")
    oidc_cookie_secret: SecretStr = Field(
        SecretStr(""), description="signs the cookie of the login; generated when empty"
    )
    oidc_emails: tuple[str, ...] = Field((), description="who may log in; empty: everybody whom the provider knows")
    oidc_trust_unverified: bool = Field(
        False, description="for a provider that sends no email_verified and does not let users choose an address"
    )
    oidc_session_hours: float = Field(12, gt=0, description="hours after which the page asks for the login again")
    log_format: Literal["text", "json"] = "text"
    otlp_endpoint: str = Field("", description="OTLP/HTTP collector, such as http://127.0.0.1:4318; empty: no traces")
    traces_file: Path | None = Field(None, description="spans as JSON lines beside or instead of a collector")

    @property
    def facts(self) -> StackFacts:
        """What is true of the instance's stack."""
        return STACKS[self.stack].with_capture(self.capture)

    @property
    def topics(self) -> Topics:
        def full(name: str) -> str:
            return f"persistent://{self.pulsar_namespace}/{name}"

        routed, raw = full(self.events_topic), full(f"{self.server_name}.{self.database_name}.outbox_event")
        return Topics(
            # Connector 3.1.2 ignores `transforms`, so it publishes on Debezium's own topic (measured).
            events=raw if self.nar == SEED_NAR and self.facts.capture.has_connector else routed,
            routed=routed,
            raw=raw,
            commands=full(self.commands_topic),
            dead_letter=full(f"{self.events_topic}-{self.subscription}-DLQ"),
            retry=full(f"{self.events_topic}-{self.subscription}-RETRY"),
            offsets=full(f"{self.source_name}-debezium-offset-topic"),
            schema_history=full(f"schema-changes.{self.database_name}"),
            heartbeat=full(f"__debezium-heartbeat.{self.server_name}"),
            naive=full("naive-events"),
        )

    @property
    def database_name(self) -> str:
        """The name of the MySQL database, or the demo's name without MySQL."""
        parts = urlsplit(self.database_url)
        return (parts.scheme.startswith("mysql") and parts.path.lstrip("/")) or "alpes"

    @property
    def demo(self) -> bool:
        """Whether faults may be injected and data be reset: the instance started its own components and is no production."""
        return self.facts.servers_are_ours and self.demo_controls

    @property
    def broker_is_guarded(self) -> bool:
        """Whether the broker is ours and has tokens, roles, and the source's passwords in its environment."""
        return self.facts.broker_is_guarded or (self.secure and self.facts.servers_are_ours)

    def token(self) -> str:
        """Return the Pulsar client's token, empty without one. Raise OSError when its file cannot be read."""
        return _read_token(self.pulsar_token_file, self.pulsar_token)

    def admin_token(self) -> str:
        """Return the admin REST's token. Raise OSError."""
        return _read_token(self.pulsar_admin_token_file, SecretStr("")) or self.token()

    @model_validator(mode="after")
    def _add_tls_to_urls(self) -> Self:
        """Add MySQL's TLS settings to its URLs, so that every connection uses TLS."""
        if self.database_tls_ca is not None:
            for name in ("database_url", "database_worker_url", "database_admin_url", "database_root_url"):
                # The model is frozen for its users, but is still being built here.
                object.__setattr__(self, name, self._add_tls(getattr(self, name)))
        return self

    def _add_tls(self, url: str) -> str:
        parts = urlsplit(url)
        if not parts.scheme.startswith("mysql"):
            return url
        options = {"ssl_ca": self.database_tls_ca, "ssl_cert": self.database_tls_cert, "ssl_key": self.database_tls_key}
        query = dict(parse_qsl(parts.query)) | {name: str(path) for name, path in options.items() if path}
        query["ssl_check_hostname"] = str(self.database_tls_hostname_check).lower()
        return parts._replace(query=urlencode(query, safe="/")).geturl()

    @property
    def worker_url(self) -> str:
        return self.database_worker_url or self.database_url

    @property
    def admin_url(self) -> str:
        return self.database_admin_url or self.database_url

    @property
    def instance_file(self) -> Path:
        """The file of the kept settings."""
        return self.home / files.INSTANCE

    @property
    def run_file(self) -> Path:
        """The file of all settings of the present run, those of the environment too."""
        return self.home / files.RUN

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """The folder of sockets, locks, leases and intents, which are valid only while the instance runs."""
        return self.home / "run"

    @property
    def observer_store(self) -> Path:
        return self.data / "observer.db"

    @property
    def audit_file(self) -> Path:
        return (self.audit_dir or self.data) / "events.jsonl"

    @property
    def wake_socket(self) -> Path:
        """The datagram socket of the wake-up signal."""
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
        sources = [init_settings, env_settings]
        folder = os.environ.get("ALPES_SECRETS_DIR")
        if folder:  # one file for each setting, as Docker and Kubernetes mount secrets: `alpes_database_url`
            sources.append(SecretsSettingsSource(settings_cls, secrets_dir=folder))
        return *sources, InstanceFiles(settings_cls, init_settings)

    def save(self, from_environment: Iterable[str] = ()) -> None:
        """Write the run's file, which every process of the run reads, with secrets and readable by its owner only.

        `from_environment` names the settings that are valid for this run only. Raise OSError when the home cannot be written.
        """
        files.write(self.run_file, {files.ENVIRONMENT: sorted(from_environment), **self.to_json_values()})

    def to_json_values(self) -> dict[str, Any]:
        """Return all settings as JSON values, with secrets in clear text."""
        values = self.model_dump(mode="json", exclude={"home"})
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                values[name] = value.get_secret_value()
        return values


def _read_token(file: Path | None, value: SecretStr) -> str:
    return file.read_text(encoding="utf-8").strip() if file else value.get_secret_value()


def load(**arguments: Any) -> Settings:
    """Return the settings of the instance that `arguments` or the environment name, as in its present or last run.

    Raise pydantic.ValidationError naming the field when a value is not allowed.
    """
    return Settings(**arguments)


def load_for_new_run(**arguments: Any) -> Settings:
    """Return the settings for a new run, without those of an earlier run only. Raise pydantic.ValidationError."""
    with files.for_new_run():
        return Settings(**arguments)
