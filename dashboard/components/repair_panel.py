"""Draw the button that publishes the missing events again, and what came of it."""

from __future__ import annotations

import time

from application.permissions import Action
from dashboard import pulse, resources
from dashboard.components import live_html
from dashboard.components.confirm import confirm
from dashboard.components.markup import tag
from dashboard.i18n import _, number
from dashboard.view_models import actions, how, operations, words
from scenarios.repair import Repaired

KIND = "repair"


def show() -> None:
    confirm(
        Action.REPAIR,
        _("Repair"),
        KIND,
        _(
            "**Publish the missing events again?** These are the committed events without a notification and without a dead letter, although every component is healthy and no more events arrive. Nothing else is published, and the inbox absorbs an event that arrives after all."
        ),
        _("Repair now"),
        _act,
        ways=how.repair,
    )


def _act() -> None:
    settings = resources.settings()
    resources.actions().start(KIND, KIND, lambda: operations.repair(settings))


def version() -> object:
    last = resources.actions().last(KIND)
    return last and (last.started_at, last.ended_at), pulse.moment(last is not None and last.running)


def draw() -> None:
    last = resources.actions().last(KIND)
    if last is not None and (last.running or time.time() - (last.ended_at or 0) < operations.TOLD_FOR_S):
        sentence, kind = _describe(last)
        live_html.show(tag("div", sentence, class_=kind, role="status"), "repair_outcome")


def _describe(last: actions.Action) -> tuple[str, str]:
    """Return the sentence on the last repair, and the class of its colour."""
    if last.running:
        sentence = _("Repair: waiting until no more events arrive, then publishing the missing ones; {s} s so far.")
        return sentence.format(s=number(time.time() - last.started_at)), "answer refused"
    if last.problem is not None:
        return _("Repair: {why}").format(why=words.translate(last.problem)), "answer outage"
    repaired = last.outcome
    assert isinstance(repaired, Repaired)
    if not repaired.missing and repaired.reconciled:
        return _("Repair: no event is missing, so nothing was published."), "answer"
    sentence = _(
        "Repair: {missing} events were missing; {again} of them and {others} others were published again."
    ).format(
        missing=number(repaired.missing),
        again=number(repaired.published_again),
        others=number(repaired.others_published),
    )
    end = (
        _("All sources agree.") if repaired.reconciled else _("The sources still differ; ./alpes reconcile names how.")
    )
    return f"{sentence} {end}", "answer" if repaired.ok else "answer outage"
