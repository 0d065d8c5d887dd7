"""Why a broker does not let a client in, in words that say what to set."""

from __future__ import annotations

import contextlib
import socket
import ssl
from urllib.parse import urlsplit

import pulsar

from settings import Settings


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
            return untrusted or f"Pulsar refused {what}: {error}"


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
    if "mismatch" in error.verify_message.lower() or "not valid for" in error.verify_message.lower():
        return (
            f"the certificate of {url} is not made out to {host} ({error.verify_message});"
            f" use the host name it names, or turn the check off: ALPES_{setting}_HOSTNAME_CHECK=false"
        )
    return (
        f"the certificate of {url} is not signed by an authority trusted here ({error.verify_message});"
        f" set ALPES_{setting}_CA to the one that signed it"
    )
