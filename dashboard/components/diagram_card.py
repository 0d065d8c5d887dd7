"""Show the diagram of an event's path with its verdict, drawn once for all pages and visitors."""

from __future__ import annotations

import time

from dashboard import resources
from dashboard.components import diagram, live_html, strip
from dashboard.components.markup import Html, join, tag
from dashboard.i18n import _
from dashboard.view_models import diagram as view
from dashboard.view_models.reconciling import Judgement, ShownCounts, counts
from dashboard.view_models.snapshot import DatabaseState, HealthState


def judge() -> Judgement:
    """Return the judgement on what was read last. If the sources differ, they are counted again."""
    refresher = resources.refresher()
    current = counts(refresher.database, refresher.feed)
    judgement = resources.judge().look(current, time.monotonic(), not refresher.health.holds_events_up())
    if judgement == "differs":
        refresher.doubt()
    return judgement


def version() -> object:
    """Return what the diagram changes with, for the version of a fragment that shows it."""
    refresher = resources.refresher()
    outages = refresher.health.version if refresher.health.down() else 0  # each second has another countdown
    return refresher.database.version, refresher.feed.version, outages, judge()


def show() -> None:
    refresher = resources.refresher()
    database, health = refresher.database, refresher.health
    shown_counts = resources.steady().look(database, refresher.feed)
    judgement = judge()
    drawn_from = (database.version, shown_counts, judgement, health.down())
    html = live_html.once("diagram", drawn_from, lambda: _draw(database, shown_counts, judgement, health))
    live_html.show(html, "diagram")


def draw() -> Html:
    """Return the diagram of what was read last, for a visitor who has no session yet."""
    refresher = resources.refresher()
    shown_counts = resources.steady().look(refresher.database, refresher.feed)
    return _draw(refresher.database, shown_counts, judge(), refresher.health)


def _draw(database: DatabaseState, shown_counts: ShownCounts, judgement: Judgement, health: HealthState) -> Html:
    capture = resources.settings().facts.capture
    down = tuple(part.part for part in health.down())
    lead = _(
        "The event is a row in the same transaction as the change, and is published afterwards. So nothing is lost when the broker dies."
    )
    title = tag("h2", _("The transactional outbox, live"))
    head = join([title, tag("p", lead, class_="lead"), strip.verdict(shown_counts, judgement, down)])
    drawn = diagram.diagram(view.diagram(capture, database, shown_counts, judgement, health))
    return join([tag("div", head, class_="diagram-head"), drawn])
