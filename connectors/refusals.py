"""Explain why a broker refuses a client, in sentences that say what to set."""

from __future__ import annotations

import contextlib
import socket
import ssl
from urllib.parse import urlsplit

import pulsar

from settings import Settings

_HOST_MISMATCH = {62, 64}
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


def explain_refusal(settings: Settings, error: Exception, request: str) -> str:
    """Return a sentence about an error of the Pulsar client; `request` is for example `to publish on topic X`."""
    match error:
        case pulsar.AuthenticationError() if not (
            settings.pulsar_token_file or settings.pulsar_token.get_secret_value()
        ):
            return f"{settings.pulsar_url} requires a token; set ALPES_PULSAR_TOKEN_FILE"
        case pulsar.AuthenticationError():
            return f"{settings.pulsar_url} does not accept this token; set ALPES_PULSAR_TOKEN_FILE to one it issued"
        case pulsar.AuthorizationError():
            return (
                f"this token's role is not allowed {request}; grant the right to the role, or use another role's token"
            )
        case _:
            problem = tls_problem(settings, settings.pulsar_url, "PULSAR_TLS")
            if problem is None and isinstance(error, pulsar.Timeout):
                problem = _probe_protocol(settings)
            return problem or f"Pulsar refused {request}: {error}"


def _token_problem(settings: Settings) -> str:
    if settings.token():
        return f"{settings.pulsar_url} does not accept this token; set ALPES_PULSAR_TOKEN_FILE to one it issued"
    return f"{settings.pulsar_url} requires a token; set ALPES_PULSAR_TOKEN_FILE"


def _probe_protocol(settings: Settings) -> str | None:
    """Return a sentence about a broker that refuses the first message of a connection, None when it accepts it.

    The client (3.13) retries after such a refusal until its timeout, and reports only the timeout. So this function sends the
    first message of Pulsar's protocol (PulsarApi.proto: CommandConnect) once and reads the answer.
    """
    try:
        answer = _send_connect(settings, settings.token().encode(), 2)
    except OSError:
        answer = b""
    if answer[8:10] == b"\x08\x03":
        return None
    if answer[8:10] == b"\x08\x0e":
        return _token_problem(settings)
    return f"{settings.pulsar_url} does not answer as Pulsar does; a port that speaks TLS is addressed as pulsar+ssl://"


def is_answered(settings: Settings, timeout_s: float) -> bool:
    """Return whether a broker answers the protocol's first message, even with a refusal.

    A connection alone proves nothing: Docker accepts those to a published port. No token is sent, because it is not known
    yet who answers.
    """
    try:
        return _send_connect(settings, b"", timeout_s) != b"" or _speaks_tls(settings, timeout_s)
    except ssl.SSLEOFError:
        return False
    except ssl.SSLError:
        return True  # a server speaks TLS there, though not with us
    except OSError:
        return False


def _speaks_tls(settings: Settings, timeout_s: float) -> bool:
    """Return whether a server that closes plain connections answers a TLS handshake. Raise OSError."""
    parts = urlsplit(settings.pulsar_url)
    if parts.scheme == "pulsar+ssl":
        return False
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent to it
    host = parts.hostname or "127.0.0.1"
    with (
        socket.create_connection((host, parts.port or 6650), timeout_s) as raw,
        context.wrap_socket(raw, server_hostname=host),
    ):
        return True


def _send_connect(settings: Settings, token: bytes, timeout_s: float) -> bytes:
    """Send the protocol's first message and return the answer, empty if the connection was closed. Raise OSError."""
    parts = urlsplit(settings.pulsar_url)
    host = parts.hostname or "127.0.0.1"
    connect = (
        _encode_field(1, b"alpes")
        + (_encode_field(3, token) + _encode_field(5, b"token") if token else b"")
        + b"\x20\x13"
    )
    command = b"\x08\x02" + _encode_field(2, connect)
    with socket.create_connection((host, parts.port or 6650), timeout_s) as raw:
        encrypted = parts.scheme == "pulsar+ssl"
        connection = create_ssl_context(settings).wrap_socket(raw, server_hostname=host) if encrypted else raw
        connection.settimeout(timeout_s)
        connection.sendall((len(command) + 4).to_bytes(4, "big") + len(command).to_bytes(4, "big") + command)
        return connection.recv(4096)


def _encode_field(number: int, value: bytes) -> bytes:
    """Encode a length-delimited protobuf field."""
    length = bytearray()
    remaining = len(value)
    while remaining > 0x7F:
        length.append(remaining & 0x7F | 0x80)
        remaining >>= 7
    return bytes([number << 3 | 2]) + bytes(length) + bytes([remaining]) + value


def tls_problem(settings: Settings, url: str, setting: str) -> str | None:
    """Return a sentence about a failing TLS handshake with an address, None when it succeeds or the address has no TLS.

    The clients say only that the connection failed, so this function tries the handshake again.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("pulsar+ssl", "https"):
        return None
    context = create_ssl_context(settings)
    host = parts.hostname or "127.0.0.1"
    try:
        with (
            socket.create_connection((host, parts.port or 6651), 2) as raw,
            context.wrap_socket(raw, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return _certificate_problem(url, host, error, setting)
    except ssl.SSLError as error:
        return f"{url} does not speak TLS as expected ({error.reason or error}); check that this is its TLS port"
    except OSError:
        return None


def create_ssl_context(settings: Settings) -> ssl.SSLContext:
    """Return the TLS context of the settings: how to check the server's certificate, and the client's own certificate."""
    ca, cert, key = settings.pulsar_tls_ca, settings.pulsar_tls_cert, settings.pulsar_tls_key
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    context.check_hostname = settings.pulsar_tls_hostname_check
    with contextlib.suppress(ssl.SSLError):
        if cert and key:
            context.load_cert_chain(str(cert), str(key))
    return context


def _certificate_problem(url: str, host: str, error: ssl.SSLCertVerificationError, setting: str) -> str:
    if error.verify_code in _HOST_MISMATCH:
        return (
            f"the certificate of {url} is not made out to {host} ({error.verify_message});"
            f" use the host name it names, or turn the check off: ALPES_{setting}_HOSTNAME_CHECK=false"
        )
    return (
        f"the certificate of {url} is not signed by an authority trusted here ({error.verify_message});"
        f" set ALPES_{setting}_CA to the one that signed it"
    )
