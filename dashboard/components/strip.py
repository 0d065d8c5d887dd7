"""Render the reconciliation: a sentence, the four counts that must be equal, and the ids of the events that are missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dashboard.components.markup import Html, join, tag, trace_link
from dashboard.i18n import _, number
from dashboard.view_models import words
from dashboard.view_models.reconciling import STAYS_S, Counts, Judgement, Missing, ShownCounts


def strip(shown_counts: ShownCounts, judgement: Judgement, missing: Missing | None) -> Html:
    return join([_rows(shown_counts, judgement), _ids(missing, judgement) if missing else ""])


def verdict(shown_counts: ShownCounts, judgement: Judgement, down: tuple[str, ...] = ()) -> Html:
    """Render the judgement as a sentence. `down`: names of the components that are down, for which events wait."""
    phrases: dict[Judgement, Callable[[ShownCounts], tuple[str, str]]] = {
        "equal": _equal,
        "in_flight": _in_flight,
        "waiting": partial(_waiting, down=down),
        "differs": _differing,
        "unknown": _unknown,
    }
    sentence, colour = phrases[judgement](shown_counts)
    return tag("div", sentence, class_=f"verdict {colour}", role="status")


def _equal(shown_counts: ShownCounts) -> tuple[str, str]:
    if not shown_counts.counts.committed:
        return _("Nothing committed yet: all sources are empty"), "soft"
    return _("✓ Consistent: 0 lost, 0 duplicated"), "ok"


def _in_flight(shown_counts: ShownCounts) -> tuple[str, str]:
    if shown_counts.counts.equal and shown_counts.newer:
        return _("✓ Consistent; in flight: {n}").format(n=number(shown_counts.newer)), "ok"
    return _("▲ In flight: {n}").format(n=number(shown_counts.in_flight)), "soft"


def _waiting(shown_counts: ShownCounts, down: tuple[str, ...]) -> tuple[str, str]:
    n = number(max(shown_counts.counts.behind, shown_counts.in_flight or 0))
    if not down:
        return _("▲ {n} events wait and are arriving; none is lost so far").format(n=n), "warn"
    parts = ", ".join(words.part(part) for part in down)
    return _("▲ {n} events wait: {part} is down").format(n=n, part=parts), "warn"


def _unknown(_shown_counts: ShownCounts) -> tuple[str, str]:
    return _("? A source cannot be read now"), "warn"


def _differing(shown_counts: ShownCounts) -> tuple[str, str]:
    counts = shown_counts.counts
    surplus = max((count for count in counts.arrived() if count is not None), default=0) - (counts.committed or 0)
    if surplus > 0:
        return _("✕ A source has {n} more events than were committed").format(n=number(surplus)), "bad"
    sentence = _("✕ {n} are missing for more than {s} s, and no component is down")
    return sentence.format(n=number(counts.behind), s=number(STAYS_S)), "bad"


def _rows(shown_counts: ShownCounts, judgement: Judgement) -> Html:
    rows = (*_sources(shown_counts.counts, judgement), *_queues(shown_counts))
    body = join(
        join([tag("dt", name, title=hint), tag("dd", value, class_=shade or None)]) for name, value, shade, hint in rows
    )
    return tag("dl", body, class_="strip")


Row = tuple[str, str, str, str]
"""Name, value, class of the value's colour, and explanation."""


def _sources(counts: Counts, judgement: Judgement) -> tuple[Row, ...]:
    """Return the four counts that must be equal, each with the events that account for what its source lacks."""
    published, notified, audited = (_colour(count, counts.committed, judgement) for count in counts.arrived())
    good = "ok" if judgement == "equal" and counts.committed else ""
    return (
        (
            _("committed"),
            _with(number(counts.committed), " · ", _("{n} rows deleted"), counts.row_deleted),
            "",
            _(
                "Source 1: rows of outbox_event in the database. An event whose row was deleted counts while its commission shows that it was committed."
            ),
        ),
        (
            _("published"),
            _with(number(counts.published), " + ", _("{n} parked"), counts.parked),
            published,
            _(
                "Source 2: distinct event ids the observer received from Pulsar. Beside them the outbox rows that are parked, because they cannot be published."
            ),
        ),
        (
            _("notified, exactly once"),
            _with(number(counts.notified), " + ", _("{n} dead-lettered"), counts.dead_lettered),
            notified or good,
            _(
                "Source 3: rows of notification. Beside them the committed events that are dead letters and were never notified of; the dead letters of the Operations page hold other messages too."
            ),
        ),
        (_("audited"), number(counts.audited), audited, _("Source 4: lines of data/events.jsonl.")),
    )


def _queues(shown_counts: ShownCounts) -> tuple[Row, ...]:
    counts = shown_counts.counts
    return (
        (
            _("in flight"),
            number(shown_counts.in_flight),
            "warn" if shown_counts.in_flight else "",
            _("Committed, and neither notified nor dead-lettered."),
        ),
        (_("last captured seq"), number(counts.watermark), "", _("Highest outbox seq seen on Pulsar.")),
        (
            _("deliveries"),
            _with(number(counts.deliveries), " · ", _("{n} absorbed"), counts.duplicates),
            "",
            _("Deliveries the workers committed. At least once each; the surplus is absorbed and counted."),
        ),
    )


def _with(text: str, separator: str, more: str, n: int | None) -> str:
    """Return the text, followed by what `more` says of `n` unless there are none."""
    return text + separator + more.format(n=number(n)) if n else text


def _colour(count: int | None, committed: int | None, judgement: Judgement) -> str:
    """Return the class of a count that should equal what was committed; empty when it does."""
    if count is None:
        return "warn"
    return "" if count == committed else {"equal": "ok", "differs": "bad"}.get(judgement, "warn")


def _ids(missing: Missing, judgement: Judgement) -> Html:
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
    title = _("The events that wait") if judgement == "waiting" else _("The events that are missing")
    return tag("details", join([tag("summary", title), *parts]), open="", data_key="missing")
