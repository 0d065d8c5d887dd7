"""Why a broker does not let a client in, in words that say what to set."""

from __future__ import annotations

import contextlib
import socket
import ssl
from urllib.parse import urlsplit

import pulsar

from settings import Settings

_ANOTHER_HOST = {62, 64}
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


def told(settings: Settings, error: Exception, what: str) -> str:
    """What to tell of a refusal by the Pulsar client when it was asked `what`, such as `to publish on topic X`."""
    match error:
        case pulsar.AuthenticationError() if not (
            settings.pulsar_token_file or settings.pulsar_token.get_secret_value()
        ):
            return f"{settings.pulsar_url} takes nobody without a token; set ALPES_PULSAR_TOKEN_FILE"
        case pulsar.AuthenticationError():
            return f"{settings.pulsar_url} does not accept this token; set ALPES_PULSAR_TOKEN_FILE to one it issued"
        case pulsar.AuthorizationError():
            return f"the role of this token may not be used {what}; grant it to the role, or use another role's token"
        case _:
            untrusted = tls_problem(settings, settings.pulsar_url, "PULSAR_TLS")
            if untrusted is None and isinstance(error, pulsar.Timeout):
                untrusted = _greeted(settings)
            return untrusted or f"Pulsar refused {what}: {error}"


def _unknown_token(settings: Settings) -> str:
    if settings.token():
        return f"{settings.pulsar_url} does not accept this token; set ALPES_PULSAR_TOKEN_FILE to one it issued"
    return f"{settings.pulsar_url} takes nobody without a token; set ALPES_PULSAR_TOKEN_FILE"


def _greeted(settings: Settings) -> str | None:
    """What is wrong with how the broker answers a greeting; None when it lets us in.

    The client (3.13) tries again after such a refusal until its time is over, and tells only of that. So the first
    message of Pulsar's protocol (PulsarApi.proto: CommandConnect) is sent here once, and the answer looked at.
    """
    parts = urlsplit(settings.pulsar_url)
    host = parts.hostname or "127.0.0.1"
    token = settings.token().encode()
    connect = _field(1, b"alpes") + (_field(3, token) + _field(5, b"token") if token else b"") + b"\x20\x13"
    command = b"\x08\x02" + _field(2, connect)
    try:
        with socket.create_connection((host, parts.port or 6650), 2) as raw:
            encrypted = parts.scheme == "pulsar+ssl"
            line = context_of(settings).wrap_socket(raw, server_hostname=host) if encrypted else raw
            line.settimeout(2)
            line.sendall((len(command) + 4).to_bytes(4, "big") + len(command).to_bytes(4, "big") + command)
            answer = line.recv(4096)
    except OSError:
        answer = b""
    if answer[8:10] == b"\x08\x03":
        return None
    if answer[8:10] == b"\x08\x0e":
        return _unknown_token(settings)
    return f"{settings.pulsar_url} does not answer as Pulsar does; a port that speaks TLS is addressed as pulsar+ssl://"


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited protobuf field."""
    length = bytearray()
    left = len(value)
    while left > 0x7F:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([number << 3 | 2]) + bytes(length) + bytes([left]) + value


def tls_problem(settings: Settings, url: str, setting: str) -> str | None:
    """What is wrong with the TLS of an address as these settings see it; None when nothing is, or it is not TLS.

    The clients say only that the connection failed: so it is tried once more here, as far as the handshake.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("pulsar+ssl", "https"):
        return None
    context = context_of(settings)
    host = parts.hostname or "127.0.0.1"
    try:
        with (
            socket.create_connection((host, parts.port or 6651), 2) as raw,
            context.wrap_socket(raw, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return _untrusted(url, host, error, setting)
    except ssl.SSLError as error:
        return f"{url} does not speak TLS as expected ({error.reason or error}); is it its TLS port?"
    except OSError:
        return None


def context_of(settings: Settings) -> ssl.SSLContext:
    """How a server's certificate is checked, and which one is shown to it."""
    ca, cert, key = settings.pulsar_tls_ca, settings.pulsar_tls_cert, settings.pulsar_tls_key
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    context.check_hostname = settings.pulsar_tls_hostname_check
    with contextlib.suppress(ssl.SSLError):
        if cert and key:
            context.load_cert_chain(str(cert), str(key))
    return context


def _untrusted(url: str, host: str, error: ssl.SSLCertVerificationError, setting: str) -> str:
    if error.verify_code in _ANOTHER_HOST:
        return (
            f"the certificate of {url} is not made out to {host} ({error.verify_message});"
            f" use the host name it names, or turn the check off: ALPES_{setting}_HOSTNAME_CHECK=false"
        )
    return (
        f"the certificate of {url} is not signed by an authority trusted here ({error.verify_message});"
        f" set ALPES_{setting}_CA to the one that signed it"
    )
