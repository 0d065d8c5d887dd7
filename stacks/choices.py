"""Refuse a choice of capture or of MySQL's version that the stack cannot have, before anything is started."""

from __future__ import annotations

from domain.errors import ExpectedError
from settings import Settings
from settings.stack_facts import STACKS, CaptureFacts


class ChoiceRefused(ExpectedError):
    """The stack cannot have this capture, or this capture cannot read that database; `str(error)` says what can."""


def require_possible(settings: Settings) -> None:
    """Raise ChoiceRefused unless the stack has the chosen capture, starts the chosen MySQL, and both go together."""
    facts = STACKS[settings.stack]
    capture = facts.find_capture(settings.capture)
    if capture is None:
        able = ", ".join(name for name, other in STACKS.items() if other.find_capture(settings.capture))
        raise ChoiceRefused(f"the {settings.stack} stack has no capture {settings.capture}; there is one on: {able}")
    if settings.secure and not capture.can_be_secure:
        raise ChoiceRefused(
            f"--capture {capture.name} works without TLS and tokens only: leave --secure out, or choose another capture"
        )
    _require_mysql(settings, capture)
    if not capture.can_be_secure and (guards := _find_guards(settings)):
        raise ChoiceRefused(
            f"--capture {capture.name} works without TLS and tokens only, and these settings ask for them: {', '.join(guards)}"
        )


def _find_guards(settings: Settings) -> list[str]:
    """Return the names of the settings by which the capture would need TLS or a token."""
    urls = (settings.pulsar_url, settings.debezium_broker_url)
    is_needed = {
        "ALPES_PULSAR_URL": any(url.startswith("pulsar+ssl") for url in urls),
        "ALPES_PULSAR_TOKEN": bool(settings.token()),
        "ALPES_PULSAR_TOKENS": settings.pulsar_tokens is not None,
        "ALPES_DEBEZIUM_TLS_TRUSTSTORE": settings.debezium_tls_truststore is not None,
    }
    return [name for name, is_guard in is_needed.items() if is_guard]


def _require_mysql(settings: Settings, capture: CaptureFacts) -> None:
    version = settings.mysql_version
    if version == Settings.model_fields["mysql_version"].default:
        return
    if version not in STACKS[settings.stack].mysql_versions:
        able = ", ".join(name for name, facts in STACKS.items() if version in facts.mysql_versions)
        raise ChoiceRefused(f"the {settings.stack} stack starts no MySQL {version}; choose --stack {able}")
    if not can_read(capture, version):
        readers = [other for other in STACKS[settings.stack].other_captures if can_read(other, version)]
        options = " or ".join(f"--capture {other.name}" for other in readers)
        raise ChoiceRefused(f"{capture.product} 1.9.7 cannot read the binlog of MySQL {version}: add {options}")


def can_read(capture: CaptureFacts, version: str) -> bool:
    """Return whether the capture can read the binlog of this version of MySQL."""
    major, minor = version.split(".")
    return (int(major), int(minor)) < capture.mysql_before
