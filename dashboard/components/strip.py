"""Render the reconciliation strip: four counts that must be equal, the events in flight, and the ids that differ."""

from __future__ import annotations

from dashboard.components.markup import Html, join, tag, trace_link
from dashboard.i18n import _, number
from dashboard.view_models import words
from dashboard.view_models.reconciling import STAYS_S, Judgement, Missing, Shown


def strip(shown: Shown, judgement: Judgement, missing: Missing | None, down: tuple[str, ...] = ()) -> Html:
    """Render the strip. `down`: names of the components that are down, which may explain a difference."""
    return join([_verdict(shown, judgement, down), _rows(shown, judgement), _ids(missing) if missing else ""])


def _verdict(shown: Shown, judgement: Judgement, down: tuple[str, ...]) -> Html:
    counts = shown.counts
    under_way = (_("▲ {n} on their way").format(n=number(shown.in_flight)), "warn")
    if counts.equal and shown.newer:
        under_way = (_("✓ Equal, and {n} younger on their way").format(n=number(shown.newer)), "ok")
    sentence, colour = {
        "equal": (_("✓ Equal: nothing lost, nothing doubled"), "ok"),
        "in_flight": under_way,
        "differs": (_("✕ They differ for more than {n} s").format(n=number(STAYS_S)), "bad"),
        "unknown": (_("? A source cannot be read now"), "warn"),
    }[judgement]
    if judgement == "differs" and down:
        sentence = _("✕ {n} wait for more than {s} s: {part} is down").format(
            n=number(shown.in_flight), s=number(STAYS_S), part=", ".join(words.part(part) for part in down)
        )
    if judgement == "equal" and not counts.committed:
        sentence, colour = _("Nothing committed yet: all sources are empty"), "soft"
    return tag("div", sentence, class_=f"verdict {colour}", role="status")


def _rows(shown: Shown, judgement: Judgement) -> Html:
    counts = shown.counts
    colours = {"equal": "ok", "differs": "bad"}
    published, notified, audited = counts.arrived()

    def colour(value: int | None) -> str:
        if value is None:
            return "warn"
        return "" if value == counts.committed else colours.get(judgement, "warn")

    good = "ok" if judgement == "equal" and counts.committed else ""
    notices = number(counts.notified)
    if counts.dead_lettered:
        notices += " + " + _("{n} dead").format(n=number(counts.dead_lettered))
    deliveries = number(counts.deliveries)
    if counts.duplicates:
        deliveries += " · " + _("{n} absorbed").format(n=number(counts.duplicates))
    rows = (
        (_("committed"), number(counts.committed), "", _("Source 1: rows of outbox_event in the database.")),
        (
            _("published"),
            number(counts.published),
            colour(published),
            _("Source 2: distinct event ids the observer received from Pulsar."),
        ),
        (
            _("notified, exactly once"),
            notices,
            colour(notified) or good,
            _(
                "Source 3: rows of notification. Beside them the committed events that are dead letters and were never notified of; the dead letters of the Operations page hold other messages too."
            ),
        ),
        (_("audited"), number(counts.audited), colour(audited), _("Source 4: lines of data/events.jsonl.")),
        (
            _("in flight"),
            number(shown.in_flight),
            "warn" if shown.in_flight else "",
            _("Committed, and neither notified nor dead-lettered."),
        ),
        (_("capture watermark"), number(counts.watermark), "", _("Highest outbox seq seen on Pulsar.")),
        (
            _("deliveries"),
            deliveries,
            "",
            _("Deliveries the workers committed. At least once each; the surplus is absorbed and counted."),
        ),
    )
    body = join(
        join([tag("dt", name, title=hint), tag("dd", value, class_=shade or None)]) for name, value, shade, hint in rows
    )
    return tag("dl", body, class_="strip")


def _ids(missing: Missing) -> Html:
    lists = (
        (_("committed, not published"), missing.not_published),
        (_("committed, not notified"), missing.not_notified),
        (_("notified, not in the audit file"), missing.not_audited),
    )
    parts = [
        join(
            [
                tag("p", join([tag("strong", name), f": {number(len(ids))}"])),
                join(join([trace_link(event_id), " "]) for event_id in ids),
            ]
        )
        for name, ids in lists
        if ids
    ]
    if not parts:
        parts = [
            tag("p", _("Among the newest events none is missing now; ./alpes reconcile compares all."), class_="soft")
        ]
    return tag("details", join([tag("summary", _("The events that differ")), *parts]), open="", data_key="missing")
