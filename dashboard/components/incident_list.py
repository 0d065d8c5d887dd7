"""Render what happened after a kill or a restart, line by line as it happens."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.components.markup import Html, empty, join, tag
from dashboard.i18n import _, instant, number
from dashboard.view_models import words
from dashboard.view_models.incidents import Incident


def incidents(newest: Sequence[Incident], zone: str | None) -> Html:
    if not newest:
        return empty(
            _(
                "No component was killed or restarted from this page since its server started. Kill the broker, issue commands while it is down, and read here what follows."
            )
        )
    return tag("div", join(_incident(incident, zone) for incident in newest), class_="incidents", role="status")


def _incident(incident: Incident, zone: str | None) -> Html:
    part = words.part(incident.part)
    title = _("{part} was killed (SIGKILL)") if incident.action == "kill" else _("{part} was restarted")
    at = instant(int(incident.at * 1e6), zone)[:8]
    lines = [tag("strong", title.format(part=part)), tag("span", f" {at}", class_="soft mono")]
    return tag("section", join([tag("p", join(lines)), tag("ul", join(_steps(incident)))]), data_key=f"i{incident.n}")


def _steps(incident: Incident) -> list[Html]:
    steps = []
    if incident.down_at is not None:
        steps.append(_step("✕", "warn", _("down {s} s later").format(s=_s(incident.down_at - incident.at))))
    if incident.back_at is not None and incident.down_at is not None:
        back = _("healthy again after {s} s").format(s=_s(incident.back_at - incident.down_at))
        if incident.hold_s and incident.back_at - incident.at < incident.hold_s:
            back += " " + _("(started again before its {s} s were over)").format(s=number(incident.hold_s))
        elif incident.hold_s:
            back += " " + _("(down for {s} s)").format(s=number(incident.hold_s))
        steps.append(_step("↺", "ok", back))
        if incident.meanwhile:
            steps.append(_step("·", "", _("{n} events were committed meanwhile").format(n=number(incident.meanwhile))))
    elif incident.down_at is not None and not incident.over:
        steps.append(_step("…", "warn", _("waiting until it is healthy again")))
    if incident.arrived_at is not None and incident.back is not None and incident.after is not None:
        arrived = _(
            "nothing lost: all {n} committed events are published, notified and audited, {s} s after it was back"
        )
        goal = number(incident.back.committed if incident.back.committed is not None else incident.after.committed)
        steps.append(
            _step(
                "✓",
                "ok",
                arrived.format(n=goal, s=_s(incident.arrived_at - (incident.back_at or incident.arrived_at))),
            )
        )
        if incident.absorbed:
            sentence = _("{n} messages were delivered twice; the inbox absorbed them")
            steps.append(_step("·", "", sentence.format(n=number(incident.absorbed))))
    elif incident.back_at is not None and not incident.over:
        steps.append(_step("…", "warn", _("counting: committed = published = notified = audited")))
    if incident.problem:
        steps.append(_step("!", "warn", words.translate(incident.problem)))
    if not steps:
        steps.append(_step("…", "warn", _("in progress…")))
    return steps


def _step(sign: str, colour: str, sentence: str) -> Html:
    return tag("li", join([tag("span", f"{sign} ", class_=colour or "soft"), sentence]))


def _s(seconds: float) -> str:
    return number(max(0.0, seconds), 1)
