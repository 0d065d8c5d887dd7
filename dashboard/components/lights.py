"""Render the stack with the versions that its components report, and the health of each component."""

from __future__ import annotations

from collections.abc import Sequence

from application.components import find_component
from dashboard.components.markup import Html, join, notice, tag
from dashboard.i18n import _
from dashboard.view_models import words
from dashboard.view_models.snapshot import HealthState
from stacks.part_health import PartHealth

SIGNS = {"ok": ("●", "ok"), "behind": ("▲", "warn"), "down": ("✕", "warn")}
"""Light → sign and colour. Red is for events that are lost, duplicated or out of order, not for what is broken on purpose."""


def badge(stack: str, health: HealthState) -> Html:
    hint = _("The stack that runs, and what its database, capture and broker really are.")
    versions = " · ".join(health.versions.values())
    return tag(
        "span", join([tag("strong", stack.upper()), " — " if versions else "", versions]), class_="stack", title=hint
    )


def lights(health: HealthState) -> Html:
    if not health.version:
        return tag("span", _("Checking components…"), class_="soft")
    # The components on the path of an event are always shown by name, the others only when they are down.
    shown = [part for part in health.parts if find_component(part.part).is_on_path or part.light == "down"]
    others = [part for part in health.parts if part not in shown]
    chips = [_chip(part) for part in shown]
    if others:
        title = "\n".join(f"{words.part(part.part)}: {words.said(part.message)}" for part in others)
        light = "ok" if all(part.light == "ok" for part in others) else "behind"
        sign, colour = SIGNS[light]
        body = join([tag("span", f"{sign} ", class_=colour), _("{n} more").format(n=len(others))])
        chips.append(tag("span", body, class_=f"chip {light}", title=title))
    return join(chips)


def header(stack: str, health: HealthState, title: str) -> Html:
    """Render the header; the heading with the page's `title` is for screen readers only."""
    heading = tag("h1", f"Alpes · Outbox: {title}", class_="sr")
    return tag("div", join([heading, badge(stack, health), lights(health)]), class_="lights")


def troubles(parts: Sequence[PartHealth]) -> Html:
    """Render a sentence for each component that is down: why, and what it means for what the page shows."""
    return join(
        notice(
            join(
                [
                    tag("strong", _("{part} is down").format(part=words.part(part.part))),
                    f": {words.said(part.message)}. ",
                    tag("span", _consequence(part.part.partition("-")[0]), class_="soft"),
                ]
            )
        )
        for part in parts
    )


def _chip(part: PartHealth) -> Html:
    sign, colour = SIGNS[part.light]
    detail = words.said(part.message)
    more = f" · {detail}" if part.light == "behind" and len(detail) < 24 else ""
    if part.light == "down":
        more = " · " + _("down")
    hint = f"{words.part_hint(part.part)}\n{detail}"
    body = join([tag("span", f"{sign} ", class_=colour), words.part(part.part) + more])
    return tag("span", body, class_=f"chip {part.light}", title=hint)


def _consequence(part: str) -> str:
    return {
        "database": _("Commands are refused until it is back; what is shown is the last that was read."),
        "relay": _("Commands go on; their events wait in the outbox."),
        "source": _("Commands go on; their events wait in the database's log."),
        "broker": _("Commands go on; their events wait in the outbox, and nothing is lost."),
        "notifications": _("Events wait in Pulsar until it is back."),
        "observer": _("The feed and the published count stand still; the events themselves go on."),
        "audit": _("Lines of the audit file follow when it is back."),
    }.get(part, "")
