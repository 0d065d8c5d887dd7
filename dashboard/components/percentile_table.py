"""Render the table of percentiles by hop, with an explanation of each hop."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.components.markup import Html, table, tag
from dashboard.components.waterfall import hop_label
from dashboard.i18n import _, milliseconds, number
from dashboard.view_models.latencies import END_TO_END, Quantiles


def table_of(quantiles_by_hop: Mapping[str, Quantiles]) -> Html:
    head = (
        (
            _("hop"),
            _(
                "From one timestamp to the next. The clocks of capture and producer have a resolution of 1 ms, so a hop may be negative."
            ),
        ),
        (_("events"), ""),
        ("p50", _("p50: half of the events were at least this fast.")),
        ("p95", _("p95: 95 of 100 events were at least this fast.")),
        ("p99", _("p99: 99 of 100 events were at least this fast.")),
        (_("max"), ""),
    )
    rows = [
        (name, (_name(name), number(row.n), *map(milliseconds, (row.p50, row.p95, row.p99, row.largest))))
        for name, row in quantiles_by_hop.items()
    ]
    return table(head, rows)


def _name(name: str) -> Html:
    if name == END_TO_END:
        return tag("strong", _("command to notification"))
    meaning = {
        "occurred→committed": _("the transaction"),
        "committed→captured": _("the outbox row read by capture"),
        "captured→published": _("the envelope made and sent"),
        "published→received": _("the broker, to the worker"),
        "received→persisted": _("the notification's transaction"),
    }.get(name, "")
    return tag("span", hop_label(name), title=meaning)
