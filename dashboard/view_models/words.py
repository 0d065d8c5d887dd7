"""Say in the visitor's language what the layers below say: messages, refusals, and the names of components."""

from __future__ import annotations

import re

from dashboard.i18n import N_, _
from domain.errors import ConcurrentChange, DuplicateConversion, InvalidField, Refusal, UnknownCommission
from domain.message import Message

_PATTERNS = tuple(
    (re.compile(pattern), message)
    for pattern, message in (
        (
            r"Pulsar's admin REST at (?P<where>\S+) does not answer: (?P<why>.*)$",
            N_("Pulsar's admin REST at {where} does not answer: {why}"),
        ),
        (r"Pulsar's admin REST refused: (?P<why>.*)$", N_("Pulsar's admin REST refused: {why}")),
        (r"the database does not answer \((?P<why>.*)\)$", N_("the database does not answer ({why})")),
        (r"the database is busy with another writer.*$", N_("the database is busy with another writer; try again")),
        (r"every database connection is busy.*$", N_("every database connection is busy; try again in a moment")),
        (r"must be a decimal number.*$", N_("must be a decimal number such as 120.50")),
        (r"must be a finite number$", N_("must be a finite number")),
        (r"must be greater than zero$", N_("must be greater than zero")),
        (r"must be at most (?P<n>.*)$", N_("must be at most {n}")),
        (r"(?P<code>\w+) has (?P<n>\d+) decimal places, not more$", N_("{code} has {n} decimal places, not more")),
        (
            r"dead letter (?P<n>\d+) cannot be sent again: (?P<why>.*)$",
            N_("dead letter {n} cannot be sent again: {why}"),
        ),
        (r"is required$", N_("is required")),
        (r"must have at most (?P<n>\d+) characters$", N_("must have at most {n} characters")),
        (r"must be an ISO 4217 code such as USD$", N_("must be an ISO 4217 code such as USD")),
        (
            r"may hold letters, digits and . _ : @ / \+ - and starts with a letter or digit$",
            N_("may hold letters, digits and . _ : @ / + - and starts with a letter or digit"),
        ),
    )
)


def said(message: Message) -> str:
    """Return the text of a message; a text without a code stays as it is."""
    return message.render(_, _word)


def _word(name: str, value: str) -> str:
    """Translate a parameter that is a component's name, or the hypothesis of a scenario, which the catalogues have too."""
    return {"part": part, "hypothesis": _}[name](value) if name in ("part", "hypothesis") else value


def sentence(english: str) -> str:
    for pattern, message in _PATTERNS:
        found = pattern.match(english)
        if found:
            return _(message).format(**found.groupdict())
    return english


def field(name: str) -> str:
    names = {
        "conversionId": _("Conversion id"),
        "affiliateId": _("Affiliate"),
        "campaignId": _("Campaign"),
        "grossAmount": _("Gross amount"),
        "currency": _("Currency"),
        "commissionId": _("Commission"),
    }
    return names.get(name, name)


def refusal(error: Refusal) -> str:
    match error:
        case InvalidField(field=name, reason=reason):
            return f"{field(name)}: {sentence(reason)}"
        case UnknownCommission(reference=reference):
            return _("there is no commission {id}").format(id=reference)
        case DuplicateConversion(commission_id=commission_id, differing=differing) if differing:
            return _("this conversion already has commission {id}, calculated with another {fields}").format(
                id=commission_id, fields=", ".join(field(name) for name in differing)
            )
        case DuplicateConversion(commission_id=commission_id):
            return _("this conversion already has commission {id}").format(id=commission_id)
        case ConcurrentChange():
            return _("another transaction changed the commission meanwhile; try again")
    return str(error)


def part(name: str) -> str:
    """Return the displayed name of a component: `notifications-2` is worker 2."""
    base, _dash, number = name.partition("-")
    names = {
        "database": _("database"),
        "relay": _("relay"),
        "source": _("source"),
        "broker": _("broker"),
        "notifications": _("worker"),
        "observer": _("observer"),
        "audit": _("audit"),
        "commands": _("commands"),
        "watcher": _("watcher"),
        "api": "API",
    }
    return f"{names.get(base, base)} {number}".strip()


def part_hint(name: str) -> str:
    base = name.partition("-")[0]
    hints = {
        "database": _("Keeps commissions, outbox and notifications."),
        "relay": _("Reads the outbox and publishes each row to Pulsar."),
        "source": _("Debezium, run by Pulsar: reads the database's binary log and publishes each outbox row."),
        "broker": _("Pulsar: keeps the messages until every subscription acknowledged them."),
        "notifications": _("Receives each event and writes its notification, once."),
        "observer": _("Records every message on the topics, for this page; with a subscription of its own."),
        "audit": _("Writes one line of data/events.jsonl for each notification."),
        "commands": _("Carries out commands that arrive on the commands topic."),
        "watcher": _("Makes the instance whole again without a hand."),
        "api": _("Takes commands over HTTP."),
    }
    return hints.get(base, "")
