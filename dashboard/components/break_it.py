"""Draw the components with their buttons Kill and Restart, both of which ask first, and what happened afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from application.components import find_component
from application.permissions import Action as Permission
from dashboard import pulse, resources
from dashboard.components import incident_list, live_html
from dashboard.components.confirm import confirm
from dashboard.components.controls import act_button, number_field
from dashboard.components.lights import SIGNS
from dashboard.components.markup import Html, empty, join, notice, tag
from dashboard.i18n import _, number
from dashboard.view_models import how_to_break as how
from dashboard.view_models import words
from settings.stack_facts import DatabaseKind
from stacks import restarting
from stacks.faults import LONGEST_S
from stacks.part_health import PartHealth

HOLD_S = 15.0


@dataclass(frozen=True, slots=True)
class Slots:
    lights: Mapping[str, DeltaGenerator]
    after: DeltaGenerator
    parts: tuple[str, ...]


def show(body: DeltaGenerator) -> Slots:
    """Draw the buttons, which are not refreshed, and return the places in which `tick` draws health and incidents."""
    with body:
        wide, after = st.columns([1, 1.1])
        with wide:
            parts = breakable()
            if not parts:
                live_html.show(empty(_("Checking components…")), "parts_empty")
            lights = {part: _row(part) for part in parts}
    return Slots(lights, after.container(), parts)


def breakable() -> tuple[str, ...]:
    """Return the components that can be killed or restarted: all except SQLite, which is a file and no process."""
    is_file = resources.settings().facts.database is DatabaseKind.SQLITE
    names = (health.part for health in resources.refresher().health.parts)
    return tuple(name for name in names if not (is_file and name == "database"))


def mark() -> object:
    """Return the version of what `tick` draws: health and incidents."""
    incidents = resources.incidents().newest()
    return (
        resources.refresher().health.version,
        incidents,
        pulse.moment(any(not incident.over for incident in incidents)),
    )


def tick(slots: Slots) -> None:
    health = resources.refresher().health
    if breakable() != slots.parts:
        st.rerun()
    for part in health.parts:
        if part.part in slots.lights:
            with slots.lights[part.part]:
                live_html.show(_light(part), f"light-{part.part}")
    with slots.after:
        _held()
        live_html.show(incident_list.incidents(resources.incidents().newest(), live_html.zone()), "incidents")


def _row(part: str) -> DeltaGenerator:
    settings = resources.settings()
    with st.container(key=f"row-part-{part}", horizontal=True):
        light = st.container()
        if not find_component(part).is_connector:
            confirm(
                Permission.KILL_PARTS,
                _("Kill"),
                f"kill-{part}",
                _("**Kill the {part}?** Its process gets SIGKILL: no cleanup, as in a power cut.").format(
                    part=words.part(part)
                ),
                _("Kill it now"),
                _kill,
                (part,),
                partial(how.kill, settings),
                partial(_hold, part),
            )
        confirm(
            restarting.get_permission(part),
            _("Restart"),
            f"restart-{part}",
            _("**Restart the {part}?** It is a graceful restart: it ends its work first.").format(
                part=words.part(part)
            ),
            _("Restart it now"),
            resources.incidents().restart,
            (part,),
            partial(how.restart, settings),
        )
    return light


def _kill(part: str, drawn_hold_s: float | None) -> None:
    """Kill the component for as long as its field says at the click; the button may have been drawn with an earlier value."""
    hold_s = st.session_state.get(f"hold-{part}", drawn_hold_s)
    if hold_s is not None and 0 <= hold_s <= LONGEST_S:
        resources.incidents().kill(part, float(hold_s))


def _hold(part: str) -> float | None:
    meaning = _("The component is started again after this time, even if this page is closed.")
    label = _("Downtime (seconds)")
    return number_field(label, 0.0, LONGEST_S, HOLD_S, 5.0, f"hold-{part}", format="%g", help=meaning)


def _light(part: PartHealth) -> Html:
    sign, colour = SIGNS[part.light]
    name = tag("strong", words.part(part.part), title=words.part_hint(part.part))
    detail = tag("span", f" {words.translate(part.message)}", class_="soft clip")
    return tag("div", join([tag("span", f"{sign} ", class_=colour), name, detail]))


def _held() -> None:
    """Draw the components that a lease holds down now, each with a button that ends the lease."""
    for part, lease in resources.refresher().health.leases.items():
        health = next((row for row in resources.refresher().health.parts if row.part == part), None)
        if health is None or health.message.code != "health.held_down":
            continue
        with st.container(key=f"row-held-{part}", horizontal=True):
            sentence = _("{part} is down on purpose").format(part=words.part(part))
            live_html.show(notice(sentence), f"held-{part}")
            act_button(
                Permission.KILL_PARTS,
                _("Start it again now"),
                resources.incidents().release,
                (part,),
                key=f"release-{part}",
                help=_("Ends the lease of {n} s before its time.").format(
                    n=number(lease.expires_at - lease.started_at)
                ),
            )
