"""Say in the visitor's language what the layers below say: messages, refusals, and the names of components."""

from __future__ import annotations

from dashboard.i18n import _
from domain.errors import ConcurrentChange, DuplicateConversion, InvalidField, Refusal, UnknownCommission
from domain.message import Message, said_by


def said(message: Message) -> str:
    """Return the text of a message; a text without a code stays as it is."""
    return message.render(_, _word)


def _word(name: str, value: str) -> str:
    """Translate a parameter that is a component's name, or the hypothesis of a scenario, which the catalogues have too."""
    return {"part": part, "hypothesis": _}[name](value) if name in ("part", "hypothesis") else value


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
        case InvalidField(field=name, why=why):
            return f"{field(name)}: {said(why)}"
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
    return said(said_by(error))


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
        "watcher": _("Recovers failed components automatically."),
        "api": _("Takes commands over HTTP."),
    }
    return hints.get(base, "")
