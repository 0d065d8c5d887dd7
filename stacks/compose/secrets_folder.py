"""Make the folder of secrets that compose.prod.yml mounts: passwords, certificates and tokens."""

from __future__ import annotations

import secrets
from pathlib import Path

from settings import Settings
from stacks.native import DATABASE, USERS, certificates, roles

HOSTS = ("pulsar", "mysql", "localhost", "127.0.0.1")
"""Names in the servers' certificates: those of the services, and by which a health check reaches its own server."""
ROOT_PASSWORD = "mysql_root_password"  # noqa: S105 - the name of a file
PASSWORDS = (ROOT_PASSWORD, "alpes_debezium_password", "alpes_debezium_tls_truststore_password")


def make(folder: Path) -> list[Path]:
    """Create what the folder lacks, and return all its files. Passwords, URLs and tokens stay; certificates are renewed in time.

    Each container reads its own files as its own user, so the files are readable, and the folder is open to its owner
    only. The authority's key stays its owner's: no container gets it. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    values = {name: _read(folder / name) or _make_password() for name in PASSWORDS}
    urls = {f"alpes_{field}": _make_url(user, _make_password(), DATABASE) for field, user in USERS.items()}
    urls["alpes_database_root_url"] = _make_url("root", values[ROOT_PASSWORD], "mysql")
    values |= {name: _read(folder / name) or url for name, url in urls.items()}
    for name, value in values.items():
        certificates.write_private_file(folder / name, value.encode())
    authority, servers = certificates.ensure_certificates(folder / "tls", HOSTS)
    truststore = folder / "tls" / "mysql-truststore.p12"
    certificates.truststore(authority, truststore, values["alpes_debezium_tls_truststore_password"])
    (folder / "broker").mkdir(exist_ok=True, mode=0o700)
    tokens = roles.ensure_tokens(folder / "broker", Settings(stack="compose"))
    pairs = [path for pair in servers.values() for path in (pair.cert, pair.key)]
    readable = [*(folder / name for name in values), authority.cert, *pairs, truststore]
    readable += [roles.locate_key_file(folder / "broker"), *sorted(tokens.glob("*.jwt"))]
    for path in readable:
        path.chmod(0o444)
    return [*readable, authority.key]


def _make_url(user: str, password: str, database: str) -> str:
    return f"mysql+pymysql://{user}:{password}@mysql:3306/{database}"


def _make_password() -> str:
    return secrets.token_urlsafe(24)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""
