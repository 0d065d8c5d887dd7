"""Say in the visitor's language what the layers below say: messages, refusals, and the names of components."""

from __future__ import annotations

from dashboard.i18n import _
from domain.errors import ConcurrentChange, DuplicateConversion, InvalidField, Refusal, UnknownCommission
from domain.message import Message, extract_message
from scenarios.observations import Place


def translate(message: Message) -> str:
    """Return the text of a message; a text without a code stays as it is."""
    return message.render(_, _word)


def _word(name: str, value: str) -> str:
    """Translate a parameter that names a component, a command or its route, or is the hypothesis of a scenario."""
    translations = {"part": part, "hypothesis": _, "command": _command, "client": _route}
    return translations[name](value) if name in translations else value


def _command(name: str) -> str:
    return {"calculate": _("calculate"), "approve": _("approve")}.get(name, name)


def _route(name: str) -> str:
    return {"in process": _("in process"), "the commands topic": _("the commands topic")}.get(name, name)


def places() -> dict[Place, str]:
    """Return the names of the places of a counter-example, in the order in which an event passes them."""
    return {
        "client": _("client"),
        "database": _("database"),
        "capture": _("capture"),
        "broker": _("broker"),
        "worker": _("worker"),
        "audit": _("audit"),
    }


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
            return f"{field(name)}: {translate(why)}"
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
    return translate(extract_message(error))


def dead_letter_reason(code: str) -> str:
    """Return why a message was dead-lettered, in words; a code that is not known stays as it is."""
    return {
        "not_an_envelope": _("not a change event"),
        "another_table": _("change event of another table"),
        "bad_row": _("row that cannot be read"),
        "bad_payload": _("payload breaks the contract"),
        "bad_data": _("values that cannot be stored"),
        "unknown_event": _("unknown event type"),
        "unknown_version": _("unknown version of the event"),
        "unreadable": _("message that cannot be read"),
        "malformed_command": _("malformed command"),
        "refused": _("command refused by a rule"),
        "unpublishable": _("the broker does not accept it"),
        "failed_too_often": _("failed at every attempt"),
        "killed_worker": _("ended its worker's process"),
    }.get(code, code)


def part(name: str) -> str:
    """Return the displayed name of a component: `notifications-2` is worker 2."""
    base, _dash, number = name.partition("-")
    names = {
        "database": _("database"),
        "relay": _("relay"),
        "source": _("source"),
        "debezium": "Debezium",
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
        "debezium": _("Debezium Server: reads the database's binary log and publishes each outbox row."),
        "broker": _("Pulsar: keeps the messages until every subscription acknowledged them."),
        "notifications": _("Receives each event and writes its notification, once."),
        "observer": _("Records every message on the topics, for this page; with a subscription of its own."),
        "audit": _("Writes one line of data/events.jsonl for each notification."),
        "commands": _("Carries out commands that arrive on the commands topic."),
        "watcher": _("Recovers failed components automatically."),
        "api": _("Takes commands over HTTP."),
    }
    return hints.get(base, "")
