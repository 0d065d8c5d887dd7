"""Create Pulsar clients with the TLS and the token of the settings."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import pulsar

from connectors.refusals import explain_refusal, is_answered
from domain.errors import ExpectedError
from settings import Settings


class BrokerUnavailable(ExpectedError):
    """The broker cannot be reached now or refused the client; `str(error)` says which."""


class Broker:
    """The address of the broker and how to log in. It connects only when asked to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = settings.pulsar_url

    def client(self) -> pulsar.Client:
        """Return a client, which connects at its first use. Raise BrokerUnavailable when its token cannot be read.

        It logs nothing: `Link` logs what matters. A Python logger would also receive every message's bytes, because the
        client passes on all levels and leaves it to that logger to ignore them.
        """
        settings = self._settings
        ca, cert, key = settings.pulsar_tls_ca, settings.pulsar_tls_cert, settings.pulsar_tls_key
        return pulsar.Client(
            self._url,
            authentication=self._authentication(),
            operation_timeout_seconds=5,
            connection_timeout_ms=2000,
            tls_trust_certs_file_path=str(ca) if ca else None,
            tls_validate_hostname=settings.pulsar_tls_hostname_check,
            tls_certificate_file_path=str(cert) if cert else None,
            tls_private_key_file_path=str(key) if key else None,
            logger=pulsar.FileLogger(pulsar.LoggerLevel.Error, os.devnull),
        )

    def _authentication(self) -> Any:
        """Return the token if there is one, else the client certificate, else None."""
        try:
            token = self._settings.token()
        except OSError as error:
            raise BrokerUnavailable(f"the token of Pulsar cannot be read: {error}") from error
        if token:
            return pulsar.AuthenticationToken(token)
        cert, key = self._settings.pulsar_tls_cert, self._settings.pulsar_tls_key
        return pulsar.AuthenticationTLS(str(cert), str(key)) if cert and key else None

    def explain(self, error: Exception, request: str) -> str:
        """Return a sentence about a refusal; `request` is what the client asked for, such as `to read topic X`."""
        return explain_refusal(self._settings, error, request)

    def reachable(self, timeout_s: float = 1.0) -> bool:
        """Return whether a broker answers at the address; a published port alone accepts connections without one."""
        return is_answered(self._settings, timeout_s)


def close_client(client: pulsar.Client) -> None:
    """Close a client and wait for it. Its error says only that the connection was lost before, so it is ignored: the
    acknowledgements of all that matters were awaited, and the broker ends a consumer or producer without a connection."""
    with contextlib.suppress(pulsar.PulsarException):
        client.close()
