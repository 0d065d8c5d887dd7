"""The settings model. Every field is an environment variable: `api_port` is `ALPES_API_PORT`."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from settings import files
from settings.topics import Topics

Stack = Literal["embedded", "native", "compose", "external"]

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE_NAME = "mysql-outbox-commissions"
ROUTED_TOPIC_NAME = "outbox-events"
RAW_TOPIC_NAME = "alpes-mysql.alpes.outbox_event"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
RATE_DECIMALS = 6
"""As many as the column of the rate keeps."""
RATE = r"[1-9][0-9]{0,6}/(second|minute|hour)"
HOST = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?"
PINNED_NAR = "4.0.8"
SEED_NAR = "3.1.2"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="ALPES_", extra="ignore", frozen=True)

    stack: Stack = "embedded"
    home: Path = Field(REPOSITORY / ".alpes" / "embedded", validate_default=True)

    bind: str = Field("127.0.0.1", description="address every part listens on")
    api_port: int = 5001
    api_host: str = Field("", description="where others reach the API; empty: bind")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="further host names that page and API answer to, such as a proxy's"
    )
    trusted_proxies: tuple[str, ...] = Field(
        (), description="addresses or networks of proxies whose X-Forwarded-For names the API's client"
    )
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
    pulsar_token_file: Path | None = Field(None, description="read at each connection; goes before pulsar_token")
    pulsar_tokens: Path | None = Field(None, description="folder with a token a component: notifications.jwt, …")
    pulsar_admin_token_file: Path | None = Field(None, description="for the admin REST; empty: the client's token")
    pulsar_tls_ca: Path | None = Field(None, description="PEM; empty: the system's authorities")
    pulsar_tls_cert: Path | None = Field(None, description="client certificate, PEM")
    pulsar_tls_key: Path | None = Field(None, description="its key, PEM (PKCS#8)")
    pulsar_tls_hostname_check: bool = True
    database_tls_ca: Path | None = Field(None, description="PEM; with it MySQL is spoken to over TLS only")
    database_tls_cert: Path | None = None
    database_tls_key: Path | None = None
    database_tls_hostname_check: bool = True
    debezium_tls_mode: Literal["disabled", "preferred", "required", "verify_ca", "verify_identity"] = "disabled"
    debezium_tls_truststore: Path | None = Field(None, description="JKS or PKCS#12, where the source runs")
    debezium_tls_truststore_password: SecretStr = SecretStr("")
    secure: bool = Field(False, description="native: TLS, tokens and roles on its broker, TLS on its MySQL")
    plain_admin_port: int = Field(8081, description="native and secure: a loopback port the functions worker needs")
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

    nar: str = Field(PINNED_NAR, description="version of pulsar-io-debezium-mysql the source runs (4.0.8 or 3.1.2)")
    workers: int = Field(1, ge=1, le=16, description="notification workers sharing the Key_Shared subscription")
    part_modules: dict[str, str] = Field(
        default_factory=dict, description="modules to run in place of a part's own: your worker against the scenarios"
    )
    without: tuple[str, ...] = Field((), description="parts not to start")
    owner_pid: int = Field(0, ge=0, description="whose private instance this is: without that process all of it goes")
    default_rate: Decimal = Field(Decimal("0.10"), description="commission rate of a campaign without its own")
    campaign_rates: dict[str, Decimal] = Field(default_factory=dict)
    control_token: SecretStr = SecretStr("")
    demo_controls: bool = Field(
        True, description="whether parts may be broken on purpose and data be reset; false in production"
    )

    api_token: SecretStr = Field(SecretStr(""), description="with it the API takes requests that bear it only")
    api_rate_limit: str = Field("", description="of one address, such as 100/second; empty: none")
    read_only: bool = Field(False, description="for public showing: the API takes no commands, the page has no forms")
    oidc_metadata_url: str = Field("", description="…/.well-known/openid-configuration; with it the page has a login")
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_redirect_uri: str = Field("", description="empty: the page's own address with /oauth2callback")
    oidc_cookie_secret: SecretStr = Field(SecretStr(""), description="signs the login's cookie; made up when empty")
    oidc_emails: tuple[str, ...] = Field((), description="who may log in; empty: whoever the provider knows")
    oidc_trust_unverified: bool = Field(
        False, description="for a provider that sends no email_verified and lets nobody choose an address"
    )
    oidc_session_hours: float = Field(12, gt=0, description="how long after the login the page asks for it again")
    log_format: Literal["text", "json"] = "text"
    otlp_endpoint: str = Field("", description="OTLP/HTTP collector, such as http://127.0.0.1:4318; empty: no traces")
    traces_file: Path | None = Field(None, description="spans as JSON lines beside or instead of a collector")

    @property
    def topics(self) -> Topics:
        def full(name: str) -> str:
            return f"persistent://{self.pulsar_namespace}/{name}"

        routed, raw = full(self.events_topic), full(f"{self.server_name}.{self.database_name}.outbox_event")
        return Topics(
            # 3.1.2 ignores `transforms`, so its events stay on Debezium's own topic (measured).
            events=raw if self.nar == SEED_NAR and self.stack != "embedded" else routed,
            routed=routed,
            raw=raw,
            commands=full(self.commands_topic),
            dead_letter=full(f"{self.events_topic}-{self.subscription}-DLQ"),
            retry=full(f"{self.events_topic}-{self.subscription}-RETRY"),
            offsets=full(f"{self.source_name}-debezium-offset-topic"),
            schema_history=full(f"schema-changes.{self.database_name}"),
            naive=full("naive-events"),
        )

    @property
    def database_name(self) -> str:
        """Of MySQL; the demo's own name where there is no such database."""
        parts = urlsplit(self.database_url)
        return (parts.scheme.startswith("mysql") and parts.path.lstrip("/")) or "alpes"

    @property
    def demo(self) -> bool:
        """Whether its parts may be broken on purpose and its data be reset: it brought them itself, and is no production."""
        return self.stack != "external" and self.demo_controls

    def token(self) -> str:
        """The Pulsar client's token, empty without one. Raises OSError when its file cannot be read."""
        return _token(self.pulsar_token_file, self.pulsar_token)

    def admin_token(self) -> str:
        """The admin REST's token. Raises OSError."""
        return _token(self.pulsar_admin_token_file, SecretStr("")) or self.token()

    @field_validator(
        "pulsar_token_file", "pulsar_tokens", "pulsar_admin_token_file", "pulsar_tls_ca", "pulsar_tls_cert",
        "pulsar_tls_key", "database_tls_ca", "database_tls_cert", "database_tls_key",
    )  # fmt: skip
    @classmethod
    def _there(cls, path: Path | None) -> Path | None:
        if path is not None and not path.exists():
            raise ValueError(f"there is no file {path}")
        return path

    @field_validator("allowed_hosts")
    @classmethod
    def _host_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not re.fullmatch(HOST, name):
                raise ValueError(f"{name!r} is no host name or address; leave scheme, port and wildcards out")
        return names

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ipaddress.ip_network(proxy, strict=False)  # raises ValueError that names it
        return proxies

    @field_validator("home")
    @classmethod
    def _one_name(cls, home: Path) -> Path:
        """Absolute and without links, so that every process of the instance calls it by the same name."""
        try:
            written = str(home).encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("its name is not UTF-8; name another folder") from None
        if any(byte < 0x20 or byte == 0x7F for byte in written):
            raise ValueError("its name has a line break or another control character; name another folder")
        return home.resolve()

    @field_validator("bind")
    @classmethod
    def _no_ipv6(cls, bind: str) -> str:
        if ":" in bind:
            raise ValueError(
                f"{bind} is an IPv6 address, which the parts cannot listen on; name an IPv4 address or a host"
            )
        return bind

    @field_validator("api_rate_limit")
    @classmethod
    def _a_rate(cls, rate: str) -> str:
        if rate and not re.fullmatch(RATE, rate):
            raise ValueError("must be like 100/second or 20/minute")
        return rate

    @field_validator("default_rate")
    @classmethod
    def _commission_rate(cls, rate: Decimal) -> Decimal:
        if not (0 <= rate <= 1 and rate == round(rate, RATE_DECIMALS)):
            raise ValueError(f"must be from 0 to 1 with at most {RATE_DECIMALS} decimals; 0.10 is ten per cent")
        return rate

    @field_validator("campaign_rates")
    @classmethod
    def _commission_rates(cls, rates: dict[str, Decimal]) -> dict[str, Decimal]:
        for campaign, rate in rates.items():
            try:
                cls._commission_rate(rate)
            except ValueError as error:
                raise ValueError(f"the rate of campaign {campaign}, {rate}, {error}") from None
        return rates

    @model_validator(mode="after")
    def _tls_in_urls(self) -> Self:
        """MySQL's TLS settings become part of its URLs, so that whoever opens one opens it over TLS."""
        if self.database_tls_ca is not None:
            for name in ("database_url", "database_worker_url", "database_admin_url"):
                # The model is frozen for its users; this is still its making.
                object.__setattr__(self, name, self._with_tls(getattr(self, name)))
        return self

    def _with_tls(self, url: str) -> str:
        parts = urlsplit(url)
        if not parts.scheme.startswith("mysql"):
            return url
        given = {"ssl_ca": self.database_tls_ca, "ssl_cert": self.database_tls_cert, "ssl_key": self.database_tls_key}
        query = dict(parse_qsl(parts.query)) | {name: str(path) for name, path in given.items() if path}
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
        """What is kept until it is changed."""
        return self.home / files.KEPT

    @property
    def run_file(self) -> Path:
        """What the present run was started with, the environment's part included."""
        return self.home / files.RUN

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

    def save(self, from_environment: Iterable[str] = ()) -> None:
        """Write the run's file, secrets included, readable by its owner alone: what every process of the run reads.

        `from_environment` names the settings that hold for this run only. Raises OSError when the home cannot be written.
        """
        files.write(self.run_file, {files.ENVIRONMENT: sorted(from_environment), **self.plain()})

    def plain(self) -> dict[str, Any]:
        """Every setting as JSON has it, secrets in clear."""
        values = self.model_dump(mode="json", exclude={"home"})
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                values[name] = value.get_secret_value()
        return values


def _token(file: Path | None, value: SecretStr) -> str:
    return file.read_text(encoding="utf-8").strip() if file else value.get_secret_value()


class _InstanceFile(PydanticBaseSettingsSource):
    """What the two files of the home say that the arguments or the environment name."""

    def __init__(self, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._arguments = init_settings()

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        home = self._arguments.get("home") or os.environ.get("ALPES_HOME") or Settings.model_fields["home"].default
        values = files.read(Path(home))
        values.pop("home", None)
        return values


def load(**arguments: Any) -> Settings:
    """Settings of the instance that `arguments` or the environment name, as its present or last run has them.

    Raises pydantic.ValidationError naming the field when a value does not fit.
    """
    return Settings(**arguments)


def load_for_a_new_run(**arguments: Any) -> Settings:
    """The same without what an earlier run alone was given. Raises pydantic.ValidationError."""
    with files.kept_only():
        return Settings(**arguments)
