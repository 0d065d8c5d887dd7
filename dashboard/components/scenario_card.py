"""Render a scenario: the row of the list with its last verdict, and the details that open on demand."""

from __future__ import annotations

from dashboard.components.markup import Html, join, tag
from dashboard.i18n import _, day_and_time, number
from dashboard.view_models import scenario_words
from scenarios.journal import Run
from scenarios.model import Scenario


def row(scenario: Scenario, last: Run | None, why_not: str | None, zone: str | None) -> Html:
    """Render name, last verdict with its time, duration and hypothesis; `last` is the newest run with a verdict."""
    takes = tag("span", _("about {n} s").format(n=number(scenario.takes_s)), title=_("How long a run takes, about."))
    head = [tag("strong", scenario.name, class_="mono name"), _last(last, zone), takes]
    parts = [tag("p", join(head), class_="foot"), tag("p", _(scenario.hypothesis), class_="hypothesis")]
    if why_not:
        parts.append(tag("p", why_not, class_="warn why"))
    return tag("div", join(parts), class_="scenario")


def _last(last: Run | None, zone: str | None) -> Html:
    if last is None or last.verdict is None:
        return tag("span", _("never run"), class_="never", title=_("It has no verdict on this stack yet."))
    at = tag(
        "time", day_and_time(last.finished_at or last.started_at, zone), title=_("Its last verdict on this stack.")
    )
    return tag("span", join([verdict(last.verdict), " ", at]), class_="last")


def details(scenario: Scenario, minutes: float | None = None) -> Html:
    """Render what the row leaves out: the quality, what a run breaks, and where it runs; `minutes` is chaos's duration."""
    breaks = _(scenario.breaks)
    if minutes is not None:
        breaks = _("For {minutes} min, random faults, chosen by the seed, hit every component under load.")
        breaks = breaks.format(minutes=f"{minutes:g}")
    stacks = " · ".join(scenario.places)
    parts = [
        tag("p", _(scenario.quality), class_="quality", title=_("The quality in the architect's words.")),
        tag("p", join([tag("span", "⚡ ", class_="warn"), breaks]), title=_("What it will break.")),
        tag("p", stacks, class_="soft", title=_("The stacks that have what it breaks.")),
    ]
    return tag("div", join(parts), class_="scenario")


def verdict(name: str) -> Html:
    return tag("span", name, class_=f"verdict-chip {name}", title=scenario_words.verdict_hint(name))


def why_not(reason: str | None, scenario: Scenario) -> str | None:
    """Return a sentence that says why the scenario cannot run now; None if it can."""
    return {
        "other_stack": _(
            "Runs only on the {stacks} stack: this one does not have the component that it breaks."
        ).format(stacks=" / ".join(scenario.places)),
        "busy": _("Another run is under way; two at once would judge each other's faults."),
        "ill": _("Wait until every component is healthy."),
    }.get(reason or "")
