"""Check the values of settings, with errors that say what to write instead."""

from __future__ import annotations

import ipaddress
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

RATE_DECIMALS = 6
"""Decimals of the column that stores the rate."""
RATE = r"[1-9][0-9]{0,6}/(second|minute|hour)"
HOST = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?"

Port = Annotated[int, Field(ge=0, le=65535)]
"""The number of a port; 0 where another setting is used in its place."""


class CheckedSettings(BaseSettings):
    """The checks of `settings.model.Settings`, which defines the fields."""

    @field_validator(
        "pulsar_token_file", "pulsar_tokens", "pulsar_admin_token_file", "pulsar_tls_ca", "pulsar_tls_cert",
        "pulsar_tls_key", "database_tls_ca", "database_tls_cert", "database_tls_key", check_fields=False,
    )  # fmt: skip
    @classmethod
    def _check_files(cls, path: Path | None) -> Path | None:
        if path is not None and not path.exists():
            raise ValueError(f"there is no file {path}; name an existing one")
        return path

    @field_validator("allowed_hosts", check_fields=False)
    @classmethod
    def _check_host_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not re.fullmatch(HOST, name):
                raise ValueError(f"{name!r} is no host name or address; leave scheme, port and wildcards out")
        return names

    @field_validator("trusted_proxies", check_fields=False)
    @classmethod
    def _check_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ipaddress.ip_network(proxy, strict=False)  # raises ValueError that names the network
        return proxies

    @field_validator("home", check_fields=False)
    @classmethod
    def _resolve_home(cls, home: Path) -> Path:
        """Return an absolute path without links, so that all processes of the instance use the same name."""
        try:
            name = str(home).encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("its name is not UTF-8; name another folder") from None
        if any(byte < 0x20 or byte == 0x7F for byte in name):
            raise ValueError("its name has a line break or another control character; name another folder")
        return home.resolve()

    @field_validator("bind", check_fields=False)
    @classmethod
    def _check_bind(cls, bind: str) -> str:
        if ":" in bind:
            raise ValueError(
                f"{bind} is an IPv6 address, on which the components cannot listen; name an IPv4 address or a host"
            )
        return bind

    @field_validator("api_rate_limit", check_fields=False)
    @classmethod
    def _check_rate_limit(cls, rate: str) -> str:
        if rate and not re.fullmatch(RATE, rate):
            raise ValueError("must be like 100/second or 20/minute")
        return rate

    @field_validator("default_rate", check_fields=False)
    @classmethod
    def _check_rate(cls, rate: Decimal) -> Decimal:
        if not (0 <= rate <= 1 and rate == round(rate, RATE_DECIMALS)):
            raise ValueError(f"must be from 0 to 1 with at most {RATE_DECIMALS} decimals; 0.10 is ten per cent")
        return rate

    @field_validator("campaign_rates", check_fields=False)
    @classmethod
    def _check_campaign_rates(cls, rates: dict[str, Decimal]) -> dict[str, Decimal]:
        for campaign, rate in rates.items():
            try:
                cls._check_rate(rate)
            except ValueError as error:
                raise ValueError(f"the rate of campaign {campaign}, {rate}, {error}") from None
        return rates
