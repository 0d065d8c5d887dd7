"""Configure the access control of the native broker, with secrets of the instance.

Plain: the admin API requires a token for every request. The binary port serves every client, so that
`pulsar.Client("pulsar://…")` works, with the rights to publish and to read. Secure: TLS, a role for each component, and no
access without a token; MySQL requires TLS.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from domain.errors import ExpectedError
from settings import Settings
from stacks.native import certificates, roles
from stacks.native.certificates import Pair

LOOPBACK = ("127.0.0.1", "localhost")


class NotLoopback(ExpectedError, ValueError):
    """The broker's plain port, which the functions worker needs, would be open to the network."""


def folder(settings: Settings) -> Path:
    """Return the folder of secrets, which only their owner can read."""
    return settings.home / "secrets"


def prepare(settings: Settings) -> dict[str, Any]:
    """Create missing certificates and tokens, and return the settings that use them. A plain instance clears TLS settings.

    Raises OSError or NotLoopback.
    """
    if not settings.secure:
        secrets_folder = folder(settings)
        secrets_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        token = roles.ensure_tokens(secrets_folder, settings) / f"{roles.ADMIN}.jwt"
        return dict.fromkeys(_PATHS) | {"pulsar_admin_token_file": token, "debezium_tls_mode": "disabled"}
    if settings.bind not in LOOPBACK:
        raise NotLoopback(
            f"the secured stack listens on 127.0.0.1 only, not on {settings.bind}: Pulsar's functions worker needs a plain"
            " port beside the encrypted ones. For a network, point ./alpes up --stack external at a cluster"
        )
    secrets_folder = folder(settings)
    authority, _servers = certificates.ensure_certificates(secrets_folder, ("localhost", "127.0.0.1"))
    tokens = roles.ensure_tokens(secrets_folder, settings)
    password = settings.debezium_tls_truststore_password.get_secret_value() or secrets.token_urlsafe(18)
    certificates.truststore(authority, secrets_folder / "mysql-truststore.p12", password)
    return {
        "pulsar_tls_ca": authority.cert,
        "database_tls_ca": authority.cert,
        "pulsar_tokens": tokens,
        "pulsar_token_file": tokens / f"{roles.ADMIN}.jwt",
        "pulsar_admin_token_file": tokens / f"{roles.ADMIN}.jwt",
        "debezium_tls_mode": "verify_ca",
        "debezium_tls_truststore": secrets_folder / "mysql-truststore.p12",
        "debezium_tls_truststore_password": password,
    }


_PATHS = (
    "pulsar_tls_ca",
    "database_tls_ca",
    "pulsar_tokens",
    "pulsar_token_file",
    "pulsar_admin_token_file",
    "debezium_tls_truststore",
)


def broker_conf(settings: Settings) -> dict[str, str]:
    """Return lines of `standalone.conf`; they replace existing lines of the same name."""
    tokens = tokens_of_broker(roles.locate_key_file(folder(settings)), _own_token(settings))
    return tokens | (_tls_of_broker(settings) if settings.secure else _open_to_clients())


def functions_conf(settings: Settings) -> dict[str, Any]:
    """Return values of `functions_worker.yml`."""
    tokens = tokens_of_functions(roles.locate_key_file(folder(settings)), _own_token(settings))
    return tokens | (tls_of_functions(folder(settings) / "ca.pem") if settings.secure else {})


def _open_to_clients() -> dict[str, str]:
    # HTTP has no anonymous role: the broker's script `source.btm` refuses requests without a token.
    return {"anonymousUserRole": roles.ANONYMOUS}


def tokens_of_broker(key: Path, own_token: Path) -> dict[str, str]:
    """Return the lines of `standalone.conf` for tokens signed with `key`; the broker's own client gives `own_token`."""
    return {
        "authenticationEnabled": "true",
        "authenticationProviders": _PROVIDER,
        "authenticateMetricsEndpoint": "true",
        "tokenSecretKey": f"file://{key}",
        "authorizationEnabled": "true",
        "superUserRoles": ",".join(roles.SUPERUSERS),
        "brokerClientAuthenticationPlugin": _PLUGIN,
        "brokerClientAuthenticationParameters": f"file://{own_token}",
    }


def tokens_of_functions(key: Path, own_token: Path) -> dict[str, Any]:
    """Return the values of `functions_worker.yml` for the same tokens."""
    return {
        "brokerClientAuthenticationEnabled": True,
        "brokerClientAuthenticationPlugin": _PLUGIN,
        "brokerClientAuthenticationParameters": f"file://{own_token}",
        "authenticationEnabled": True,
        "authorizationEnabled": True,
        "superUserRoles": list(roles.SUPERUSERS),
        "authenticationProviders": [_PROVIDER],
        "properties": {"tokenSecretKey": f"file://{key}"},
        # `${NAME}` in a source's configuration is read from the broker's environment when the source starts, so the
        # password is neither in answers of the admin API nor in Pulsar's metadata. Among the possible configurators, this
        # one reads the environment; nothing of Kubernetes is used.
        "secretsProviderConfiguratorClassName": (
            "org.apache.pulsar.functions.secretsproviderconfigurator.KubernetesSecretsProviderConfigurator"
        ),
    }


def _tls_of_broker(settings: Settings) -> dict[str, str]:
    authority, servers = certificates.ensure_certificates(folder(settings), ("localhost", "127.0.0.1"))
    return {
        "brokerServicePort": "",
        "brokerServicePortTls": str(settings.broker_port),
        # Without this port, the functions worker's id ends in `null` and the broker shuts down.
        "webServicePort": str(settings.plain_admin_port),
        "webServicePortTls": str(settings.admin_port),
        **tls_of_broker(authority.cert, servers["broker"]),
    }


def tls_of_broker(authority: Path, pair: Pair) -> dict[str, str]:
    """Return the lines of `standalone.conf` by which the broker shows its certificate, and its own client checks it."""
    return {
        "tlsCertificateFilePath": str(pair.cert),
        "tlsKeyFilePath": str(pair.key),
        "tlsTrustCertsFilePath": str(authority),
        "brokerClientTlsEnabled": "true",
        "brokerClientTrustCertsFilePath": str(authority),
    }


def tls_of_functions(authority: Path) -> dict[str, Any]:
    """Return the values of `functions_worker.yml` by which its client checks the broker's certificate."""
    return {
        "useTls": True,
        "brokerClientTrustCertsFilePath": str(authority),
        "tlsTrustCertsFilePath": str(authority),
        "tlsEnableHostnameVerification": True,
    }


def mysql_pair(settings: Settings) -> tuple[Path, Pair]:
    """Return the authority's certificate and the MySQL server's pair."""
    authority, servers = certificates.ensure_certificates(folder(settings), ("localhost", "127.0.0.1"))
    return authority.cert, servers["mysql"]


def _own_token(settings: Settings) -> Path:
    return folder(settings) / "tokens" / f"{roles.FUNCTIONS}.jwt"


_PLUGIN = "org.apache.pulsar.client.impl.auth.AuthenticationToken"
_PROVIDER = "org.apache.pulsar.broker.authentication.AuthenticationProviderToken"
