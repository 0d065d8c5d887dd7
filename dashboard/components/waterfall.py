"""Render the path of one event: a bar for each hop, and the row, message or line at each step."""

from __future__ import annotations

import json
import re
from typing import Any

from dashboard.components.json_view import show_json
from dashboard.components.markup import Html, empty, facts, identifier, join, tag
from dashboard.i18n import _, clock, instant, milliseconds, number
from dashboard.view_models.tracing import Step, Trace, plain_key, pretty

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def waterfall(trace: Trace) -> Html:
    if not trace.steps:
        return empty(_("No hop of this event was measured yet. Times are written shortly after; look again."))
    low = min(min(step.from_ms, step.from_ms + step.ms) for step in trace.steps)
    high = max(max(step.from_ms, step.from_ms + step.ms) for step in trace.steps)
    span = max(high - low, 0.001)
    return tag("div", join(_bar(step, low, span) for step in trace.steps), class_="fall")


def _bar(step: Step, low: float, span: float) -> Html:
    start = min(step.from_ms, step.from_ms + step.ms)
    left, width = (start - low) / span * 100, abs(step.ms) / span * 100
    resolution = milliseconds(step.resolution_ms)
    hint = _("{a} → {b}: {ms} (clock resolution {r})").format(
        a=hop_name(step.start), b=hop_name(step.end), ms=milliseconds(step.ms), r=resolution
    )
    bar = tag(
        "div",
        "",
        class_="bar negative" if step.ms < 0 else "bar",
        style=f"left:min({left:.2f}%, 100% - 2px);width:{width:.2f}%",
    )
    label = tag("span", f"{hop_name(step.start)} → {hop_name(step.end)}", title=hint)
    value = tag(
        "span", f"{milliseconds(step.ms)} ± {resolution}", class_="warn mono" if step.ms < 0 else "mono", title=hint
    )
    return join([label, tag("div", bar, class_="track"), value])


def hop_name(hop: str) -> str:
    return {
        "occurred": _("occurred"),
        "committed": _("committed"),
        "captured": _("captured"),
        "published": _("published"),
        "received": _("received"),
        "persisted": _("persisted"),
    }.get(hop, hop)


def hop_label(name: str) -> str:
    """Return the translated label of a hop that is named `from→to`."""
    first, _arrow, second = name.partition("→")
    return f"{hop_name(first)} → {hop_name(second)}"


def list_forms(trace: Trace, zone: str | None) -> list[tuple[str, str, Html]]:
    """Return (title, explanation, HTML) for each form the event takes, from the commission's row to the audit line."""
    event = trace.event
    message = next((candidate for candidate in trace.messages if candidate.op), None)
    return [
        (
            _("1 · Commission row"),
            _("The present state of the commission that the event belongs to."),
            _commission(trace, zone),
        ),
        (
            _("2 · Outbox row"),
            _("Written in the same transaction as the state."),
            _rows(
                [
                    ("seq", event.seq),
                    ("id", event.id),
                    ("aggregate_id", event.aggregate_id),
                    ("aggregate_version", event.aggregate_version),
                    ("type", f"{event.type} v{event.version}"),
                    ("correlation_id", event.correlation_id),
                    ("occurred_at", clock(event.occurred_at, zone)),
                ],
                event.payload,
            ),
        ),
        (
            _("3 · Change event"),
            _("What capture made of the row: Debezium's change event, the value of the message."),
            show_json(pretty(message.value))
            if message
            else empty(_("Not on Pulsar yet, or older than what the observer keeps.")),
        ),
        (_("4 · Messages on Pulsar"), _("Every message that carried the event, on any topic."), _messages(trace, zone)),
        (
            _("5 · Notification and deliveries"),
            _("The effect, once; and each delivery that was committed."),
            _notification(trace, zone),
        ),
        (
            _("6 · Audit line"),
            _("Its line of data/events.jsonl."),
            show_json(json.loads(trace.audit_line)) if trace.audit_line else empty(_("Not in the audit file yet.")),
        ),
    ]


def _commission(trace: Trace, zone: str | None) -> Html:
    row = trace.commission
    if row is None:
        return empty(_("The commission is not there."))
    return _rows(
        [
            ("id", row.id),
            ("conversion_id", row.conversion_id),
            ("affiliate_id", row.affiliate_id),
            ("campaign_id", row.campaign_id),
            ("gross_amount", f"{row.gross_amount} {row.currency}"),
            ("rate", row.rate),
            ("amount", f"{row.amount} {row.currency}"),
            ("status", row.status),
            ("version", row.version),
            ("updated_at", clock(row.updated_at, zone)),
        ]
    )


def _messages(trace: Trace, zone: str | None) -> Html:
    if not trace.messages:
        return empty(_("Not on Pulsar yet, or older than what the observer keeps."))
    return join(
        _rows(
            [
                (_("topic"), message.topic.rpartition("/")[2]),
                (_("message id"), message.message_id),
                (_("key"), plain_key(message.key)),
                ("base64", message.key or "—"),
                (_("publish time"), instant(message.publish_us, zone)),
                (_("properties"), ", ".join(f"{name}={value}" for name, value in message.properties.items()) or "—"),
            ]
        )
        for message in trace.messages
    )


def _notification(trace: Trace, zone: str | None) -> Html:
    row = trace.notification
    parts: list[object] = [empty(_("Not notified yet."))]
    if row is not None:
        pairs = [("seq", row.seq), ("event_id", row.event_id), ("consumer", row.consumer)]
        parts = [_rows([*pairs, ("notified_at", clock(row.notified_at, zone))])]
    for delivery in trace.deliveries:
        description = (
            f"{delivery.outcome} · {delivery.message_id} · {delivery.consumer} · {clock(delivery.received_at, zone)}"
        )
        parts.append(_rows([(_("delivery {n}").format(n=number(delivery.seq)), description)]))
    return join(parts)


def _rows(pairs: list[tuple[str, Any]], payload: Any = None) -> Html:
    rendered = facts((name, _value(value)) for name, value in pairs)
    return join([rendered, show_json(payload)]) if payload is not None else rendered


def _value(value: Any) -> Html:
    return identifier(value) if isinstance(value, str) and _UUID.fullmatch(value) else tag("span", value, class_="mono")
