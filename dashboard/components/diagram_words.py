"""Say what the diagram shows: the names of its nodes, their explanations, and all of it as a list of sentences."""

from __future__ import annotations

from dashboard.components.diagram_layout import ContainerName
from dashboard.i18n import _, milliseconds_within, number
from dashboard.view_models import words
from dashboard.view_models.diagram import Arrow, ArrowName, Diagram, NodeName, Outage, Time

NODES: tuple[NodeName, ...] = (
    "command",
    "commission",
    "outbox",
    "capture",
    "topic",
    "inbox",
    "notification",
    "retry",
    "dead_letters",
    "audit",
)


def capture_name(diagram: Diagram) -> str:
    """Return the capture's name: the relay is a component of ours, Debezium a product."""
    return diagram.capture.product or _("Relay")


def label(name: NodeName, diagram: Diagram) -> str:
    return {
        "command": _("Commands"),
        "commission": "commission",
        "outbox": "outbox_event",
        "capture": capture_name(diagram),
        "topic": _("Pulsar topic"),
        "inbox": "inbox",
        "notification": "notification",
        "retry": _("Retrying"),
        "dead_letters": _("Dead letters"),
        "audit": _("Audit file"),
    }[name]


def container_title(name: ContainerName) -> str:
    return {"database": _("Database"), "worker": _("Notification worker")}[name]


def transaction() -> str:
    return _("one transaction")


def caption(diagram: Diagram) -> str:
    if not diagram.timed:
        return ""
    if diagram.timed == 1:
        return _("Times: of the last event")
    return _("Times: median of the last {n} events").format(n=number(diagram.timed))


def shown_time(time: Time) -> str:
    return milliseconds_within(time.ms, time.resolution_ms)


def waiting_word(arrow: Arrow) -> str:
    """Return the word below the number of events that wait; empty where nothing can wait."""
    if arrow.waiting is None:
        return ""
    return _("missing") if arrow.state == "missing" else _("waiting")


def outage(down: Outage) -> str:
    """Return the words of the mark of an outage; with several workers they name the one that is down."""
    word = _("{part} down").format(part=words.part(down.part)) if "-" in down.part else _("down")
    left = "" if down.remaining_s is None else f" · {number(down.remaining_s)} s"
    return f"✕ {word}{left}"


def hint(name: NodeName) -> str:
    return {
        "command": _("Commands that were committed: each wrote one event."),
        "commission": _("Rows of commission: the state."),
        "outbox": _("Rows of outbox_event: the events, written in the same transaction as the state."),
        "capture": _("Events up to the highest outbox seq seen on Pulsar: how far capture has read."),
        "topic": _("Distinct events the observer saw on Pulsar."),
        "inbox": _("Distinct events in the inbox, and after the plus the duplicates that it absorbed."),
        "notification": _("Rows of notification: each event once, in the same transaction as its inbox row."),
        "retry": _("Messages that failed and are tried again; the later events of their commissions wait."),
        "dead_letters": _("Committed events that were given up after their last attempt and were never notified."),
        "audit": _("Lines of data/events.jsonl: one for each notification."),
    }[name]


def sentences(diagram: Diagram) -> list[str]:
    """Return the whole state in words, in the order of the path."""
    lines = [f"{label(name, diagram)}: {number(diagram.counts[name])}" for name in NODES]
    lines += [_between(name, diagram) for name in diagram.arrows if diagram.arrows[name].waiting is not None]
    lines += [_("{part} is down").format(part=words.part(down.part)) for down in diagram.down.values()]
    return lines


def _between(name: ArrowName, diagram: Diagram) -> str:
    arrow = diagram.arrows[name]
    ends: dict[ArrowName, tuple[NodeName, NodeName]] = {
        "commit": ("command", "outbox"),
        "capture": ("outbox", "capture"),
        "publish": ("capture", "topic"),
        "receive": ("topic", "inbox"),
        "audit": ("notification", "audit"),
    }
    first, last = (label(end, diagram) for end in ends[name])
    return f"{first} → {last}: {number(arrow.waiting)} {waiting_word(arrow)}"
