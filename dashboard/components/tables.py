"""Render the database's rows and the feed as tables, newest first; each row links to its trace.

A commission and the outbox row that was written with it have the same mark.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from dashboard.components.json_view import show_json
from dashboard.components.markup import Html, empty, facts, join, notice, shorten, table, tag, trace_link
from dashboard.i18n import _, clock, instant, milliseconds, milliseconds_within, number
from dashboard.view_models import words
from dashboard.view_models.snapshot import DatabaseState, FeedState
from dashboard.view_models.tracing import plain_key, pretty, resolution_ms
from db.queries import CommissionRow, OutboxRow
from workers.observer_records import Observed

COMMISSIONS, EVENTS, NOTIFICATIONS = 5, 6, 4
"""Rows shown of each table, so that all fit on one screen."""
HUES = 6
"""Colours of the marks that join rows of one transaction; the number in the mark tells neighbours apart, too."""


def database(state: DatabaseState, feed: FeedState, zone: str | None) -> Html:
    if not state.version:
        return empty(_("Reading the database…"))
    problem = ""
    if state.problem:
        problem = notice(
            join(
                [
                    tag("strong", _("The database is down")),
                    ": ",
                    words.translate(state.problem),
                    ". ",
                    _("The rows below are the last that were read."),
                ]
            )
        )
    commissions, events = state.commissions[:COMMISSIONS], state.outbox[:EVENTS]
    written = {(row.aggregate_id, row.aggregate_version): row.seq for row in events}
    joined = frozenset(seq for row in commissions if (seq := written.get((row.id, row.version))) is not None)
    seqs = {row.id: written.get((row.id, row.version)) for row in commissions}
    watermark = None if feed.problem else feed.watermark
    return join(
        [
            problem,
            _commissions(commissions, seqs, zone),
            _outbox(events, state.hops, watermark, joined, zone),
            _notifications(state, feed, zone),
        ]
    )


def _mark(seq: int, joined: bool) -> Html:
    """Render the `seq` of an outbox row; where its commission is shown with the state of that transaction, both have a colour."""
    return tag("span", seq, class_=f"tx tx{seq % HUES}" if joined else "tx")


def _commissions(rows: Sequence[CommissionRow], seqs: Mapping[str, int | None], zone: str | None) -> Html:
    head = (
        (_("outbox seq"), _("The outbox row that was written in the same transaction as this state.")),
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
                "" if (seq := seqs[row.id]) is None else _mark(seq, True),
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


def _outbox(
    rows: Sequence[OutboxRow],
    hops: Mapping[str, Mapping[str, int]],
    watermark: int | None,
    joined: Collection[int],
    zone: str | None,
) -> Html:
    head = (
        (
            "seq",
            _("The order of the outbox. A commission with the same mark was written in the same transaction."),
        ),
        (_("type"), _("What happened. The name on the wire.")),
        (_("event"), _("Id of the event; what makes a second delivery recognizable.")),
        (_("commission"), _("Its id; the key of its messages on Pulsar.")),
        (_("created at"), ""),
        (_("capture delay"), _("From the commit until capture saw the row; waiting: not seen on Pulsar yet.")),
    )
    body = [
        (
            str(row.seq),
            (
                _mark(row.seq, row.seq in joined),
                row.type,
                trace_link(row.id),
                trace_link(row.aggregate_id),
                tag("span", clock(row.occurred_at, zone), class_="mono"),
                _captured(row, hops.get(row.id, {}), watermark),
            ),
        )
        for row in rows
    ]
    return join([table(head, body, "outbox_event"), "" if body else empty(_("The outbox is empty."))])


def _notifications(state: DatabaseState, feed: FeedState, zone: str | None) -> Html:
    """Render the newest notifications, each with its inbox row, of the same transaction, and its line of the audit file."""
    head = (
        ("seq", _("The order of the notifications; the audit file has the same numbers.")),
        (_("event"), _("Id of the event; what makes a second delivery recognizable.")),
        (_("commission"), _("Its id; the key of its messages on Pulsar.")),
        (_("notified at"), ""),
        (
            "inbox",
            _("Deliveries that the inbox has of the event, the first in the same transaction as the notification."),
        ),
        (_("audit"), _("Whether the audit file has the line of this notification.")),
    )
    audited = frozenset(feed.newest_audited)
    body = [
        (
            event.event_id,
            (
                event.seq,
                trace_link(event.event_id),
                trace_link(event.commission_id),
                tag(
                    "span", instant(event.hops["persisted"], zone) if "persisted" in event.hops else "…", class_="mono"
                ),
                number(state.deliveries_of.get(event.event_id)),
                tag("span", "✓", class_="ok") if event.seq in audited else tag("span", _("waiting"), class_="warn"),
            ),
        )
        for event in reversed(state.timed[-NOTIFICATIONS:])
    ]
    rendered = table(head, body, "notification")
    return join([rendered, "" if body else empty(_("No notification yet."))])


def newest(rows: Sequence[OutboxRow], zone: str | None) -> Html:
    """Render outbox rows with links to their traces."""
    head = (("seq", ""), (_("type"), ""), (_("event"), ""), (_("commission"), ""), (_("created at"), ""))
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
        latency = milliseconds_within(between, resolution_ms("committed", "captured"))
        return tag("span", latency, class_="ok", title=exact)
    if watermark is not None and row.seq <= watermark:
        return tag("span", _("seen on Pulsar"), class_="ok")
    return tag("span", _("waiting"), class_="warn")


def feed(messages: Sequence[Observed], deliveries: Mapping[str, int], picked: int | None, zone: str | None) -> Html:
    head = (
        (
            _("message id"),
            _("(ledger, entry, partition, batch): where Pulsar keeps it. Click one to read the message."),
        ),
        (_("type"), ""),
        (_("key"), _("The commission: messages with one key are delivered in order.")),
        (_("published at"), _("The producer's clock when it was sent.")),
        (_("deliveries"), _("How often a worker committed it; from the second time on it changes nothing.")),
    )
    rows = []
    for message in messages:
        count = deliveries.get(message.event_id or "", 0)
        delivery_count = (
            join([count, " ", tag("span", _("(absorbed)"), class_="warn")]) if count > 1 else (count or "·")
        )
        cells = (
            tag("button", message.message_id, class_="pick mono", data_pick=str(message.n), type="button"),
            message.type,
            trace_link(message.aggregate_id) if message.aggregate_id else shorten(message.key or ""),
            tag("span", instant(message.publish_us, zone), class_="mono"),
            delivery_count,
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


def message(observed: Observed, deliveries: int, zone: str | None) -> Html:
    """Render one message completely: its position, its properties, and its JSON."""
    properties = ", ".join(f"{name}={value}" for name, value in observed.properties.items()) or "—"
    event_time = instant(observed.event_us, zone) if observed.event_us else "—"
    where = f"{observed.topic.rpartition('/')[2]} · {observed.message_id}"
    pairs: list[tuple[str, object]] = [
        (_("message"), tag("span", where, class_="mono")),
        (_("key"), tag("span", plain_key(observed.key), class_="mono clip", title=observed.key)),
        (_("publish time"), " ".join((instant(observed.publish_us, zone), "·", _("event time"), event_time))),
        (_("properties"), " ".join((properties, "·", _("deliveries"), number(deliveries)))),
    ]
    if observed.event_id:
        pairs.insert(0, (_("event"), trace_link(observed.event_id, f"{observed.event_id} →")))
    value = pretty(observed.value)
    return join([facts(pairs), show_json(value, _("The message as it is on the topic"))])
