"""Create the instance's certificate authority and server certificates at the first secure start, and renew them in time."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
SERVERS = ("broker", "mysql")


@dataclass(frozen=True, slots=True)
class Pair:
    """The PEM files of a certificate and its key; the key is PKCS#8, as the broker requires."""

    cert: Path
    key: Path


def ensure_certificates(folder: Path, hosts: Sequence[str]) -> tuple[Pair, dict[str, Pair]]:
    """Return the authority and the servers' pairs. All are created again if one is missing, expires soon or names other hosts.

    Raises OSError when the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = Pair(folder / "ca.pem", folder / "ca.key")
    servers = {name: Pair(folder / f"{name}.pem", folder / f"{name}.key") for name in SERVERS}
    if not all(_is_valid(pair, hosts if pair is not authority else ()) for pair in (authority, *servers.values())):
        key, certificate = _make_authority()
        for name, pair in servers.items():
            _write_pair(pair, *_make_server_certificate(name, hosts, key, certificate))
        _write_pair(authority, key, certificate)  # written last: without it, the next start creates all of them again
    return authority, servers


def truststore(authority: Pair, path: Path, password: str) -> None:
    """Write the authority as a Java truststore (PKCS#12) for the Debezium source."""
    certificate = x509.load_pem_x509_certificate(authority.cert.read_bytes())
    entry = pkcs12.PKCS12Certificate(certificate, b"alpes-ca")
    write_private_file(path, pkcs12.serialize_java_truststore([entry], BestAvailableEncryption(password.encode())))


def write_private_file(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, completely or not at all."""
    temporary = path.with_suffix(path.suffix + ".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)


def _is_valid(pair: Pair, hosts: Sequence[str]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(pair.cert.read_bytes())
        load_pem_private_key(pair.key.read_bytes(), None)
        if certificate.not_valid_after_utc - RENEW_BEFORE < datetime.now(UTC):
            return False
        if not hosts:
            return True
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    return list(names) == _alternative_names(hosts)


def _alternative_names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def _make_authority() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = _make_key()
    name = _x509_name("Alpes Commissions demo authority")
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    certificate = (
        _certificate_builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def _make_server_certificate(
    name: str, hosts: Sequence[str], signer: rsa.RSAPrivateKey, authority: x509.Certificate
) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = _make_key()
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    usage = x509.KeyUsage(True, False, True, False, False, False, False, False, False)
    certificate = (
        _certificate_builder(_x509_name(f"Alpes {name}"), authority.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternative_names(hosts)), critical=False)
        .add_extension(issuer, critical=False)
        .sign(signer, hashes.SHA256())
    )
    return key, certificate


def _certificate_builder(
    subject: x509.Name, issuer: x509.Name, public_key: rsa.RSAPublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _make_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _x509_name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _write_pair(pair: Pair, key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> None:
    write_private_file(pair.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write_private_file(pair.cert, certificate.public_bytes(Encoding.PEM))
