"""Render a scenario's card: its hypothesis, what it will break, the stacks it runs on, and its last verdict."""

from __future__ import annotations

from dashboard.components.markup import Html, join, tag
from dashboard.i18n import _, number
from dashboard.view_models import scenario_words
from scenarios.journal import Run
from scenarios.model import Scenario


def card(scenario: Scenario, last: Run | None, why_not: str | None, minutes: float | None = None) -> Html:
    breaks = _(scenario.breaks)
    if minutes is not None:
        breaks = _("For {minutes} min, random faults, chosen by the seed, hit every component under load.")
        breaks = breaks.format(minutes=f"{minutes:g}")
    takes = _("about {n} s").format(n=number(scenario.takes_s))
    stacks = " · ".join(scenario.places)
    foot = [
        tag("span", takes, title=_("How long a run takes, about.")),
        tag("span", stacks, title=_("The stacks that have what it breaks.")),
    ]
    if last is not None and last.verdict:
        foot.append(verdict(last.verdict))
    parts = [
        tag("p", _(scenario.quality), class_="quality", title=_("The quality in the architect's words.")),
        tag("p", _(scenario.hypothesis), class_="hypothesis", title=_("What the run supports or refutes.")),
        tag("p", join([tag("span", "⚡ ", class_="warn"), breaks]), class_="soft", title=_("What it will break.")),
        tag("p", join(foot), class_="foot"),
    ]
    if why_not:
        parts.append(tag("p", why_not, class_="warn why"))
    return tag("div", join(parts), class_="scenario")


def verdict(name: str) -> Html:
    return tag("span", name, class_=f"verdict-chip {name}", title=scenario_words.verdict_hint(name))


def why_not(reason: str | None, scenario: Scenario) -> str | None:
    """Return a sentence that says why the scenario cannot run now; None if it can."""
    return {
        "other_stack": _("Needs the {stacks} stack: this one lacks what it breaks.").format(
            stacks=" / ".join(scenario.places)
        ),
        "busy": _("Another run is under way; two at once would judge each other's faults."),
        "ill": _("Wait until every component is healthy."),
    }.get(reason or "")
