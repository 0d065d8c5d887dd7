"""Render the row of counts: how far events have come, and how long each hop takes."""

from __future__ import annotations

from dashboard.components.markup import Html, join, tag
from dashboard.i18n import _, milliseconds_within, number
from dashboard.view_models import latencies
from dashboard.view_models.reconciling import Shown
from dashboard.view_models.snapshot import DatabaseState
from dashboard.view_models.tracing import resolution_ms

LAST = 200


def flow(database: DatabaseState, shown: Shown) -> Html:
    counts = shown.counts
    median = latencies.medians(database.timed[-LAST:])
    stages = (
        (_("committed"), counts.committed, _("Rows of outbox_event: events committed with their state.")),
        (
            _("captured"),
            shown.captured,
            _("Events up to the highest outbox seq seen on Pulsar: how far capture has read."),
        ),
        (_("published"), counts.published, _("Distinct events the observer saw on Pulsar.")),
        (_("delivered"), counts.delivered, _("Distinct events a worker received and committed.")),
        (_("notified"), counts.notified, _("Rows of notification: each event once.")),
    )
    hops = ("committed→captured", "captured→published", "published→received", "received→persisted")
    parts = []
    for place, (name, count, hint) in enumerate(stages):
        parts.append(
            tag("li", join([tag("b", number(count)), tag("span", name, class_="soft")]), class_="stage", title=hint)
        )
        if place < len(hops):
            parts.append(_hop(hops[place], median.get(hops[place])))
    return tag("ul", join(parts), class_="flow")


def _hop(name: str, median: float | None) -> Html:
    hint = _(
        "{hop}: median of the last {n} events. Of the clocks read, capture's and the broker's know whole milliseconds only."
    )
    first, second = name.split("→")
    shown = " " if median is None else milliseconds_within(median, resolution_ms(first, second))
    return tag("li", tag("span", shown), class_="hop", title=hint.format(hop=f"{first} → {second}", n=LAST))
