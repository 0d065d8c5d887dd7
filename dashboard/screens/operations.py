"""Draw the operations page: capture, topics, components and their logs, dead letters, and the reset."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import pulse, resources
from dashboard.components import letters_panel, live_html, log_panel, operating, reset_panel, source_panel
from dashboard.components.card import card
from dashboard.components.markup import join
from dashboard.guard import guarded
from dashboard.i18n import N_, _
from dashboard.screens import PageSpec
from dashboard.view_models import how_to_break as how
from dashboard.view_models import log_tail, operations
from dashboard.view_models.reconciling import counts


@dataclass(frozen=True, slots=True)
class Slots:
    source: DeltaGenerator
    parts: DeltaGenerator
    topics: DeltaGenerator
    log: DeltaGenerator
    jobs: DeltaGenerator


def show() -> None:
    settings = resources.settings()
    jobs = st.container()
    left, right = st.columns([1, 1.35])
    with left:
        source = source_panel.show()
    with right:
        parts = card("parts", _("Components"), _("Every component of this instance, and its health."), how.parts())
    left, right = st.columns([1.35, 1])
    with left:
        meaning = _("A topic keeps its messages until every subscription acknowledged them.")
        topics = card("topics", _("Topics and subscriptions"), meaning, how.topics(settings))
    with right:
        log = log_panel.show()
    left, right = st.columns([1.35, 1])
    with left:
        meaning = _("A message that cannot be processed is dead-lettered with its reason, so that the others continue.")
        with card("letters", _("Dead letters"), meaning, how.dead_letters(settings)):
            letters_panel.show()
    with right:
        reset_panel.show()
    _refresh(Slots(source, parts, topics, log, jobs))


def _version() -> object:
    refresher, actions = resources.refresher(), resources.actions()
    has_report = resources.settings().facts.capture.has_connector
    jobs = operations.resets(resources.settings(), time.time())
    return (
        (refresher.health.version, refresher.database.version, refresher.feed.version, actions.last("source")),
        (resources.status().look().version, resources.topics().look().version),
        resources.source().look().version if has_report else 0,
        log_tail.sizes(resources.settings().logs),
        tuple(jobs),
        pulse.moment(any(job.running for job in jobs)),
    )


@st.fragment
@guarded
def _refresh(slots: Slots) -> None:
    with pulse.followed("operations"):
        _draw(slots)


def _draw(slots: Slots) -> None:
    zone = live_html.zone()
    with slots.jobs:
        resets = operations.resets(resources.settings(), time.time())
        live_html.show(join(operating.job(job, zone) for job in resets), "jobs")
    with slots.source:
        source_panel.draw()
    with slots.parts:
        status = resources.status().look()
        if status.value is None:
            live_html.show(operating.waiting(status.problem), "parts")
        else:
            value, problem, health = status.value, status.problem, resources.refresher().health
            version = (status.version, health.version)
            draw = lambda: operating.parts(value, problem, health.parts)  # noqa: E731
            live_html.show(live_html.once("parts", version, draw), "parts")
    with slots.topics:
        _draw_topics()
    with slots.log:
        log_panel.draw()


def _draw_topics() -> None:
    look = resources.topics().look()
    if look.value is None:
        live_html.show(operating.waiting(look.problem), "topics")
        return
    events = counts(resources.refresher().database, resources.refresher().feed)
    live_html.show(operating.topics(look.value, look.problem, events.in_flight), "topics")


PAGE = PageSpec("operations", N_("Operations"), show, {"operations": _version, "letters": letters_panel.mark})
