"""What happened after a kill or a restart, line by line as it happens."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.components.markup import Html, empty, join, tag
from dashboard.i18n import _, instant, number
from dashboard.view_models import words
from dashboard.view_models.incidents import Incident


def incidents(found: Sequence[Incident], zone: str | None) -> Html:
    if not found:
        return empty(
            _(
                "Nothing was broken by hand since this page's server started. Kill the broker, issue commands meanwhile, and read here."
            )
        )
    return tag("div", join(_incident(one, zone) for one in found), class_="incidents", role="status")


def _incident(one: Incident, zone: str | None) -> Html:
    part = words.part(one.part)
    title = _("{part} was killed (SIGKILL)") if one.action == "kill" else _("{part} was restarted")
    at = instant(int(one.at * 1e6), zone)[:8]
    lines = [tag("strong", title.format(part=part)), tag("span", f" {at}", class_="soft mono")]
    return tag("section", join([tag("p", join(lines)), tag("ul", join(_steps(one)))]), data_key=f"i{one.n}")


def _steps(one: Incident) -> list[Html]:
    steps = []
    if one.down_at is not None:
        steps.append(_step("✕", "bad", _("down {s} s later").format(s=_s(one.down_at - one.at))))
    if one.back_at is not None and one.down_at is not None:
        back = _("back, and well, after {s} s").format(s=_s(one.back_at - one.down_at))
        if one.hold_s and one.back_at - one.at < one.hold_s:
            back += " " + _("(it was let back before its {s} s were over)").format(s=number(one.hold_s))
        elif one.hold_s:
            back += " " + _("(held down for {s} s)").format(s=number(one.hold_s))
        steps.append(_step("↺", "ok", back))
        if one.meanwhile:
            steps.append(_step("·", "", _("{n} events were committed meanwhile").format(n=number(one.meanwhile))))
    elif one.down_at is not None and not one.over:
        steps.append(_step("…", "warn", _("waiting until it is back and well")))
    if one.arrived_at is not None and one.back is not None and one.after is not None:
        whole = _("nothing lost: all {n} committed events are published, notified and audited, {s} s after it was back")
        goal = number(one.back.committed if one.back.committed is not None else one.after.committed)
        steps.append(_step("✓", "ok", whole.format(n=goal, s=_s(one.arrived_at - (one.back_at or one.arrived_at)))))
        if one.absorbed:
            sentence = _("{n} messages were delivered twice; the inbox absorbed them")
            steps.append(_step("·", "", sentence.format(n=number(one.absorbed))))
    elif one.back_at is not None and not one.over:
        steps.append(_step("…", "warn", _("counting: committed = published = notified = audited")))
    if one.problem:
        steps.append(_step("!", "bad", words.sentence(one.problem)))
    if not steps:
        steps.append(_step("…", "warn", _("it is being done")))
    return steps


def _step(sign: str, colour: str, sentence: str) -> Html:
    return tag("li", join([tag("span", f"{sign} ", class_=colour or "soft"), sentence]))


def _s(seconds: float) -> str:
    return number(max(0.0, seconds), 1)
