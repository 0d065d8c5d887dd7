"""Render the health of the components: one pill that opens the list of all, and a sentence for each that is down."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.components.markup import Html, join, notice, tag
from dashboard.i18n import _
from dashboard.view_models import words
from dashboard.view_models.snapshot import HealthState
from stacks.part_health import Light, PartHealth

SIGNS = {"ok": ("●", "ok"), "behind": ("▲", "warn"), "down": ("✕", "warn")}
"""Light → sign and colour. Red is for events that are lost, duplicated or out of order, not for what is broken on purpose."""
NAMED = 2
"""The most components that the pill names."""


def header(stack: str, health: HealthState, title: str, work: Sequence[str] = ()) -> Html:
    """Render the header: the work under way, and a pill that says whether all is healthy and opens the list of components.

    The heading with the page's `title` is for screen readers only.
    """
    heading = tag("h1", f"Alpes · Outbox: {title}", class_="sr")
    running = [tag("span", text, class_="chip work", role="status") for text in work]
    return tag("div", join([heading, *running, _pill(stack, health)]), class_="lights")


def _pill(stack: str, health: HealthState) -> Html:
    if not health.version:
        return tag("span", _("Checking components…"), class_="chip soft")
    light, text = _overall(health)
    sign, colour = SIGNS[light]
    summary = tag("summary", join([tag("span", f"{sign} ", class_=colour), text]), class_=f"chip {light}")
    versions = " · ".join(health.versions.values())
    head = tag("p", join([tag("strong", stack.upper()), " — " if versions else "", versions]), class_="stack")
    rows = join(_row(part) for part in health.parts)
    inner = tag("div", join([head, tag("ul", rows)]), class_="panel")
    return tag("details", join([summary, inner]), class_="health", data_key="health")


def _overall(health: HealthState) -> tuple[Light, str]:
    """Return the light and the words of the whole instance: what is down counts more than what is behind."""
    down = [part for part in health.parts if part.light == "down"]
    behind = [part for part in health.parts if part.light == "behind"]
    if down:
        names = ", ".join(words.part(part.part) for part in down[:NAMED])
        more = f" +{len(down) - NAMED}" if len(down) > NAMED else ""
        return "down", _("{part} down").format(part=names) + more
    if len(behind) == 1:
        detail = words.translate(behind[0].message)
        name = words.part(behind[0].part)
        return "behind", f"{name}: {detail}" if len(detail) < 24 else name
    if behind:
        return "behind", _("{n} behind or waiting").format(n=len(behind))
    return "ok", _("All healthy")


def _row(part: PartHealth) -> Html:
    sign, colour = SIGNS[part.light]
    name = tag("strong", words.part(part.part), title=words.part_hint(part.part))
    return tag(
        "li",
        join(
            [
                tag("span", f"{sign} ", class_=colour),
                name,
                " ",
                tag("span", words.translate(part.message), class_="soft"),
            ]
        ),
    )


def troubles(parts: Sequence[PartHealth]) -> Html:
    """Render a sentence for each component that is down: why, and what it means for what the page shows."""
    return join(
        notice(
            join(
                [
                    tag("strong", _("{part} is down").format(part=words.part(part.part))),
                    f": {words.translate(part.message)}. ",
                    tag("span", _consequence(part.part.partition("-")[0]), class_="soft"),
                ]
            )
        )
        for part in parts
    )


def _consequence(part: str) -> str:
    return {
        "database": _("Commands are refused until it is back; what is shown is the last that was read."),
        "relay": _("Commands go on; their events wait in the outbox."),
        "source": _("Commands go on; their events wait in the database's log."),
        "debezium": _("Commands go on; their events wait in the database's log."),
        "broker": _("Commands go on; their events wait in the outbox, and nothing is lost."),
        "notifications": _("Events wait in Pulsar until it is back."),
        "observer": _("The feed and the published count stand still; the events themselves go on."),
        "audit": _("Lines of the audit file follow when it is back."),
    }.get(part, "")
