"""Render the database's rows and the feed as tables, newest first; each row links to its trace."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from dashboard.components.markup import Html, empty, facts, join, notice, table, tag, trace_link
from dashboard.i18n import _, clock, instant, milliseconds, milliseconds_within, number
from dashboard.view_models import words
from dashboard.view_models.snapshot import DatabaseState
from dashboard.view_models.tracing import plain_key, pretty, resolution_ms
from db.queries import CommissionRow, OutboxRow
from workers.observer_records import Observed

SHOWN = 7
"""Rows shown of each table, so that all fit on one screen."""


def database(state: DatabaseState, watermark: int | None, zone: str | None) -> Html:
    if not state.version:
        return empty(_("Reading the database…"))
    problem = ""
    if state.problem:
        problem = notice(
            join(
                [
                    tag("strong", _("The database is down")),
                    ": ",
                    words.said(state.problem),
                    ". ",
                    _("The rows below are the last that were read."),
                ]
            )
        )
    return join([problem, _commissions(state.commissions[:SHOWN], zone), _outbox(state, watermark, zone)])


def _commissions(rows: Sequence[CommissionRow], zone: str | None) -> Html:
    head = (
        (_("commission"), _("Its id; the key of its messages on Pulsar.")),
        (_("status"), _("CALCULATED, then APPROVED.")),
        (_("amount"), _("Gross amount × the campaign's rate, rounded to the currency's smallest unit.")),
        (_("version"), _("Rises with each change; two at once cannot both win (optimistic lock).")),
        (_("updated"), ""),
    )
    body = [
        (
            f"{row.id}-{row.version}",
            (
                trace_link(row.id),
                tag("span", row.status, class_="ok" if row.status == "APPROVED" else ""),
                f"{number(float(row.amount), max(0, -int(row.amount.as_tuple().exponent)))} {row.currency}",
                row.version,
                tag("span", clock(row.updated_at, zone), class_="mono"),
            ),
        )
        for row in rows
    ]
    return join(
        [table(head, body, "commission"), "" if body else empty(_("No commission yet. Calculate one on the left."))]
    )


def _outbox(state: DatabaseState, watermark: int | None, zone: str | None) -> Html:
    head = (
        ("seq", _("The database assigns it; it is the order of the outbox.")),
        (_("type"), _("What happened. The name on the wire.")),
        (_("event"), _("Id of the event; what makes a second delivery recognizable.")),
        (_("occurred"), ""),
        (_("captured"), _("From the commit until capture saw the row; waiting: not seen on Pulsar yet.")),
    )
    body = [
        (
            str(row.seq),
            (
                row.seq,
                row.type,
                trace_link(row.id),
                tag("span", clock(row.occurred_at, zone), class_="mono"),
                _captured(row, state.hops.get(row.id, {}), watermark),
            ),
        )
        for row in state.outbox[:SHOWN]
    ]
    return join([table(head, body, "outbox_event"), "" if body else empty(_("The outbox is empty."))])


def newest(rows: Sequence[OutboxRow], zone: str | None) -> Html:
    """Render outbox rows with links to their traces."""
    head = (("seq", ""), (_("type"), ""), (_("event"), ""), (_("commission"), ""), (_("occurred"), ""))
    body = [
        (
            str(row.seq),
            (
                row.seq,
                row.type,
                trace_link(row.id, row.id),
                trace_link(row.aggregate_id),
                tag("span", clock(row.occurred_at, zone), class_="mono"),
            ),
        )
        for row in rows
    ]
    return table(head, body)


def _captured(row: OutboxRow, hops: Mapping[str, int], watermark: int | None) -> Html:
    if "captured" in hops and "committed" in hops:
        between = (hops["captured"] - hops["committed"]) / 1000
        exact = _("{ms} (measured with a clock of 1 ms resolution)").format(ms=milliseconds(between))
        shown = milliseconds_within(between, resolution_ms("committed", "captured"))
        return tag("span", shown, class_="ok", title=exact)
    if watermark is not None and row.seq <= watermark:
        return tag("span", _("yes"), class_="ok")
    return tag("span", _("waiting"), class_="warn")


def feed(messages: Sequence[Observed], deliveries: Mapping[str, int], picked: int | None, zone: str | None) -> Html:
    head = (
        (
            _("message id"),
            _("(ledger, entry, partition, batch): where Pulsar keeps it. Click one to read the message."),
        ),
        (_("type"), ""),
        (_("key"), _("The commission: messages with one key are delivered in order.")),
        (_("published"), _("The producer's clock when it was sent.")),
        (_("deliveries"), _("How often a worker committed it; from the second time on it changes nothing.")),
    )
    rows = []
    for message in messages:
        count = deliveries.get(message.event_id or "", 0)
        shown = join([count, " ", tag("span", _("(absorbed)"), class_="warn")]) if count > 1 else (count or "·")
        cells = (
            tag("button", message.message_id, class_="pick mono", data_pick=str(message.n), type="button"),
            message.type,
            trace_link(message.aggregate_id) if message.aggregate_id else (message.key or "")[:8],
            tag("span", instant(message.publish_us, zone), class_="mono"),
            shown,
        )
        body = join(tag("td", cell) for cell in cells)
        rows.append(tag("tr", body, data_key=str(message.n), class_="picked" if message.n == picked else None))
    columns = join(tag("th", name, title=hint or None, scope="col") for name, hint in head)
    return tag(
        "div",
        tag("table", join([tag("thead", tag("tr", columns)), tag("tbody", join(rows))])),
        class_="scroll",
        tabindex="0",
    )


def message(found: Observed, deliveries: int, zone: str | None) -> Html:
    """Render one message completely: its position, its properties, and its JSON."""
    properties = ", ".join(f"{name}={value}" for name, value in found.properties.items()) or "—"
    event_time = instant(found.event_us, zone) if found.event_us else "—"
    where = f"{found.topic.rpartition('/')[2]} · {found.message_id}"
    pairs: list[tuple[str, object]] = [
        (_("message"), tag("span", where, class_="mono")),
        (_("key"), tag("span", plain_key(found.key), class_="mono clip", title=found.key)),
        (_("publish time"), " ".join((instant(found.publish_us, zone), "·", _("event time"), event_time))),
        (_("properties"), " ".join((properties, "·", _("deliveries"), number(deliveries)))),
    ]
    if found.event_id:
        pairs.insert(0, (_("event"), trace_link(found.event_id, f"{found.event_id} →")))
    value = pretty(found.value)
    shown = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return join([facts(pairs), tag("pre", shown, tabindex="0", aria_label=_("The message as it is on the topic"))])
