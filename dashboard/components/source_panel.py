"""Draw the panel of the capture: its state, and the buttons that control it."""

from __future__ import annotations

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import resources
from dashboard.components import live_html, operating
from dashboard.components.card import card
from dashboard.components.confirm import confirm
from dashboard.components.controls import view_button
from dashboard.components.markup import tag
from dashboard.i18n import _, number
from dashboard.view_models import how_to_break as how
from dashboard.view_models import log_tail, operations, words
from settings.stack_facts import DEBEZIUM, DEBEZIUM_SERVER, RELAY
from stacks.captures import capture_of
from stacks.source_control import RESNAPSHOT_PERMISSION, Action, permission


def show() -> DeltaGenerator:
    """Draw the card with its buttons; return the container in which `draw` draws the state."""
    settings = resources.settings()
    title, meaning = {
        RELAY: (_("Capture (relay)"), _("What brings committed events to Pulsar; here a polling publisher.")),
        DEBEZIUM: (_("Capture (source)"), _("Debezium, run by Pulsar, reads the database's binary log.")),
        DEBEZIUM_SERVER: (
            _("Capture (Debezium Server)"),
            _("Debezium, a process of its own, reads the database's binary log."),
        ),
    }[settings.facts.capture]
    with card("source", title, meaning, how.source(settings, "status")):
        body = st.container()
        with st.container(key="buttons-source", horizontal=True):
            for action in capture_of(settings).actions:
                confirm(
                    permission(action),
                    _label(action),
                    f"source-{action}",
                    _meaning(action),
                    _("Do it"),
                    _act,
                    (action,),
                    partial(how.source, settings),
                )
            if settings.facts.capture.reads_binlog:
                confirm(
                    RESNAPSHOT_PERMISSION,
                    _("New snapshot"),
                    "source-resnapshot",
                    _(
                        "For a source that has lost its place in the binary log, or its schema history. It publishes every row of the outbox again; the inbox absorbs what is known, so nothing is lost and nothing has its effect twice."
                    ),
                    _("Do it"),
                    _resnapshot,
                    ways=how.resnapshot,
                )
            view_button(
                _("View log"),
                _choose_log,
                key="source-log",
                type="tertiary",
                help=_("Shows the end of its log, below."),
            )
    return body


def _label(action: Action) -> str:
    return {
        "restart": _("Restart"),
        "stop": _("Stop"),
        "start": _("Start"),
        "create": _("Create"),
        "delete": _("Delete"),
    }[action]


def _meaning(action: Action) -> str:
    return {
        "restart": _("It goes on where it was: from its stored offsets. Nothing is lost, commands are not slowed."),
        "stop": _("Events wait in the database until you start it again; the watcher leaves it stopped."),
        "start": _("It reads on from where it stopped."),
        "create": _("Creates it, or brings it to the committed configuration."),
        "delete": _("Its offsets stay: created again, it goes on where it was."),
    }[action]


def _act(action: Action) -> None:
    settings = resources.settings()
    resources.actions().start("source", action, lambda: operations.act(settings, action))


def _resnapshot() -> None:
    settings = resources.settings()
    resources.actions().start("source", "resnapshot", lambda: operations.resnapshot(settings))


def _choose_log() -> None:
    wanted = resources.settings().facts.capture.component
    log_names = log_tail.logs(resources.settings().logs)
    if wanted in log_names:
        st.session_state["log_of"] = wanted


def draw() -> None:
    """Draw the state of the capture, and the progress or outcome of the last action."""
    settings, refresher = resources.settings(), resources.refresher()
    capture = settings.facts.capture
    if capture.is_process:
        health = next((part for part in refresher.health.parts if part.part == capture.component), None)
        head = refresher.database.outbox[0].seq if refresher.database.outbox else None
        html = operating.process(capture, health, refresher.feed.watermark, head)
    else:
        look = resources.source().look()
        uncaptured = resources.steady().look(refresher.database, refresher.feed).counts.uncaptured
        html = (
            operating.source(look.value, look.problem, uncaptured)
            if look.value is not None
            else operating.waiting(look.problem)
        )
    live_html.show(html, "source")
    last = resources.actions().last("source")
    if last is None:
        return
    name = _("New snapshot") if last.name == "resnapshot" else _label(last.name)  # type: ignore[arg-type]
    if last.running:
        sentence, kind = _("{action}: under way…").format(action=name), "answer refused"
    elif last.problem:
        sentence, kind = f"{name}: {words.translate(last.problem)}", "answer outage"
    else:
        took = number((last.ended_at or last.started_at) - last.started_at, 1)
        sentence, kind = _("{action}: done, after {s} s.").format(action=name, s=took), "answer"
    live_html.show(tag("div", sentence, class_=kind, role="status"), "source_action")
