"""The operations page: the source, topics, parts and their logs, dead letters, and back to empty."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import pulse, resources
from dashboard.components import live_html, operating
from dashboard.components.card import card, show_me_how
from dashboard.components.confirm import confirm
from dashboard.components.markup import Html, empty, join, notice, tag
from dashboard.guard import guarded
from dashboard.i18n import N_, _, number
from dashboard.screens import PageSpec
from dashboard.view_models import how_to_break as how
from dashboard.view_models import log_tail, operations, words
from dashboard.view_models.reconciling import counts
from db.queries import DeadLetterRow
from stacks.jobs import JobRuns
from stacks.source_control import ACTIONS, Action

LINES = 60


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
        source = _source()
    with right:
        parts = card("parts", _("Parts"), _("Every process of this instance, and how it is."), how.parts())
    left, right = st.columns([1.35, 1])
    with left:
        meaning = _("A topic keeps its messages until every subscription acknowledged them.")
        topics = card("topics", _("Topics and subscriptions"), meaning, how.topics(settings))
    with right:
        log = _log()
    left, right = st.columns([1.35, 1])
    with left:
        meaning = _("Messages that cannot be processed are set aside with their reason, so that the rest goes on.")
        with card("letters", _("Dead letters"), meaning, how.dead_letters(settings)):
            _letters()
    with right:
        _reset()
    _tick(Slots(source, parts, topics, log, jobs))


def _mark() -> object:
    refresher, actions = resources.refresher(), resources.actions()
    native = resources.settings().stack == "native"
    jobs = operations.resets(resources.settings(), time.time())
    return (
        (refresher.health.version, refresher.database.version, refresher.feed.version, actions.last("source")),
        (resources.status().look().version, resources.topics().look().version),
        resources.source().look().version if native else 0,
        log_tail.sizes(resources.settings().logs),
        tuple(jobs),
        pulse.moment(any(job.running for job in jobs)),
    )


def _letters_mark() -> object:
    return resources.dead_letters().look().version, resources.actions().last("requeue")


@st.fragment
@guarded
def _tick(slots: Slots) -> None:
    with pulse.followed("operations"):
        _draw(slots)


def _draw(slots: Slots) -> None:
    zone = live_html.zone()
    with slots.jobs:
        found = operations.resets(resources.settings(), time.time())
        live_html.show(join(operating.job(job, zone) for job in found), "jobs")
    with slots.source:
        _source_state()
    with slots.parts:
        status = resources.status().look()
        if status.value is None:
            live_html.show(_waiting(status.problem), "parts")
        else:
            value, problem = status.value, status.problem
            live_html.show(live_html.once("parts", status.version, lambda: operating.parts(value, problem)), "parts")
    with slots.topics:
        _topics()
    with slots.log:
        name = st.session_state.get("log_of")
        text = log_tail.tail(resources.settings().logs / f"{name}.log", LINES) if name else ""
        body = tag("pre", text, tabindex="0", class_="log", aria_label=_("The end of the log"))
        live_html.show(body if text else empty(_("Nothing is logged yet.")), "log")


def _source() -> DeltaGenerator:
    settings = resources.settings()
    if settings.stack == "embedded":
        title, meaning = _("Capture: the relay"), _("What brings committed events to Pulsar; here a polling publisher.")
        actions: tuple[Action, ...] = ("restart",)
    else:
        title, meaning = _("Capture: the source"), _("Debezium, run by Pulsar, reads the database's binary log.")
        actions = ACTIONS
    with card("source", title, meaning, how.source(settings, "status")):
        body = st.container()
        with st.container(key="buttons-source", horizontal=True):
            for action in actions:
                confirm(
                    _label(action),
                    f"source-{action}",
                    _meaning(action),
                    _("Do it"),
                    _act,
                    (action,),
                    partial(how.source, settings),
                )
            st.button(
                _("Its log"),
                key="source-log",
                type="tertiary",
                help=_("Shows the end of its log, below."),
                on_click=_choose_log,
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


def _choose_log() -> None:
    wanted = "relay" if resources.settings().stack == "embedded" else "source"
    known = log_tail.logs(resources.settings().logs)
    if wanted in known:
        st.session_state["log_of"] = wanted


def _source_state() -> None:
    settings, refresher = resources.settings(), resources.refresher()
    if settings.stack == "embedded":
        health = next((part for part in refresher.health.parts if part.part == "relay"), None)
        head = refresher.database.outbox[0].seq if refresher.database.outbox else None
        html = operating.relay(health, refresher.feed.watermark, head)
    else:
        look = resources.source().look()
        html = operating.source(look.value, look.problem) if look.value is not None else _waiting(look.problem)
    live_html.show(html, "source")
    last = resources.actions().last("source")
    if last is None:
        return
    name = _label(last.what)  # type: ignore[arg-type]
    if last.running:
        sentence, kind = _("{action}: under way…").format(action=name), "answer refused"
    elif last.problem:
        sentence, kind = f"{name}: {words.sentence(last.problem)}", "answer outage"
    else:
        took = number((last.ended_at or last.started_at) - last.started_at, 1)
        sentence, kind = _("{action}: done, after {s} s.").format(action=name, s=took), "answer"
    live_html.show(tag("div", sentence, class_=kind, role="status"), "source_action")


def _topics() -> None:
    look = resources.topics().look()
    if look.value is None:
        live_html.show(_waiting(look.problem), "topics")
        return
    found = counts(resources.refresher().database, resources.refresher().feed)
    live_html.show(operating.topics(look.value, look.problem, found.in_flight), "topics")


def _log() -> DeltaGenerator:
    settings = resources.settings()
    names = log_tail.logs(settings.logs)
    st.session_state.setdefault("log_of", "notifications" if "notifications" in names else next(iter(names), None))
    chosen = st.session_state["log_of"]
    with card("log", _("Log"), _("The end of a part's log; it follows what is added."), how.logs(chosen or "PART")):
        st.selectbox(_("Part"), names, key="log_of", label_visibility="collapsed")
        return st.container()


@st.fragment
@guarded
def _letters() -> None:
    with pulse.followed("letters"):
        _draw_letters()


def _draw_letters() -> None:
    look = resources.dead_letters().look(1.0)
    found = look.value or ()
    if look.problem:
        live_html.show(operating.unread(look.problem), "letters_problem")
    _requeued()
    if not found:
        live_html.show(
            empty(_("None: every message could be processed. The scenario poison-message makes some.")), "letters_none"
        )
        return
    picked = int(st.session_state.get("letter") or found[0].seq)
    chosen = next((one for one in found if one.seq == picked), found[0])
    clicked = live_html.show(operating.letters(found, chosen.seq, live_html.zone()), "letters")
    if clicked and int(clicked) != picked:
        st.session_state["letter"] = int(clicked)
        pulse.draw_again()
    with st.container(key="buttons-letters", horizontal=True):
        _requeue_buttons(found, chosen)
    live_html.show(operating.letter(chosen), "letter")


def _requeue_buttons(found: tuple[DeadLetterRow, ...], chosen: DeadLetterRow) -> None:
    waiting = [one.seq for one in found if one.requeued_at is None]
    confirm(
        _("Requeue {n}").format(n=chosen.seq),
        "requeue-one",
        _("It goes through the retry topic to the worker once more. What still cannot be processed comes back here."),
        _("Send it again"),
        _requeue,
        ([chosen.seq],),
    )
    confirm(
        _("Requeue all that wait ({n})").format(n=len(waiting)),
        "requeue-all",
        _("Each goes through the retry topic to the worker once more."),
        _("Send them again"),
        _requeue,
        (waiting,),
        disabled=not waiting,
    )


def _requeue(seqs: list[int]) -> None:
    settings = resources.settings()
    resources.actions().start("requeue", "requeue", lambda: operations.requeue(settings, seqs))
    resources.dead_letters().again()


def _requeued() -> None:
    last = resources.actions().last("requeue")
    if last is None:
        return
    if last.running:
        live_html.show(tag("p", _("sending…"), class_="soft"), "requeued")
    elif last.problem:
        live_html.show(notice(words.sentence(last.problem)), "requeued")
    else:
        live_html.show(tag("p", _("{n} sent again.").format(n=last.outcome), class_="ok"), "requeued")


def _reset() -> None:
    meaning = _(
        "Tables, topics, the observer's store and the audit file are emptied together, so that they still agree."
    )
    with card("reset", _("Back to empty"), meaning):
        st.html(
            tag(
                "div",
                tag("p", _("The history of scenario runs stays, except when everything goes.")),
                class_="alpes-live",
            )
        )
        with st.container(key="buttons-reset", horizontal=True):
            if st.button(_("Reset the tables…"), key="reset"):
                _confirm("reset")
            if st.button(_("Reset everything…"), key="reset-all"):
                _confirm("reset-all")
            show_me_how({**how.reset(False), "shell": how.reset(True)["./alpes"]})


def _confirm(name: str) -> None:
    title = _("Reset everything?") if name == "reset-all" else _("Reset the tables?")
    st.dialog(title)(partial(_dialog, name))()


def _dialog(name: str) -> None:
    if name == "reset-all":
        st.markdown(
            _("The stack stops, **all its data are deleted**, runs and logs of parts too, and it starts again.")
        )
    else:
        st.markdown(_("**All commissions and events are deleted** once those on their way have arrived."))
    st.markdown(
        _(
            "This page's server is stopped too. The page comes back by itself, in some ten seconds, and says how it went."
        )
    )
    if st.button(_("Delete it all"), key=f"{name}-now", type="primary"):
        try:
            operations.reset(resources.settings(), name)
        except JobRuns:
            st.warning(_("It is under way already."))
            return
        st.rerun()


def _waiting(problem: str | None) -> Html:
    return notice(words.sentence(problem)) if problem else empty(_("Reading…"))


PAGE = PageSpec("operations", N_("Operations"), show, {"operations": _mark, "letters": _letters_mark})
