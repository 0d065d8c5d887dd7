"""Draw the guide: a tour whose steps are ticked when what they describe really happened."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import i18n, pulse, resources
from dashboard.components import diagram_card, live_html
from dashboard.components.card import card
from dashboard.components.controls import view_button
from dashboard.components.markup import Html, join, notice, tag
from dashboard.guard import guarded
from dashboard.i18n import N_, _, instant, number
from dashboard.screens import PageSpec
from dashboard.view_models import tour, words
from domain.errors import DuplicateConversion
from domain.message import Message


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    text: str
    page: str
    """The path of the page on which the step is done."""


def show() -> None:
    begin()
    steps = _steps()
    path = st.container(key="card-flow", border=True)
    meaning = _(
        "No step is ticked by a click: tables, messages, leases and runs show what happened since the tour began."
    )
    with card("tour", _("The outbox in ten minutes"), meaning):
        head = st.container()
        with st.container(key="row-tour", horizontal=True):
            st.html(tag("div", tag("p", _intro(), class_="soft"), class_="alpes-live"))
            view_button(
                _("Restart the tour"),
                _begin_again,
                key="tour-again",
                icon=":material/replay:",
                help=_("From now on only what happens next counts."),
            )
    slots: dict[str, DeltaGenerator] = {}
    for row in range(0, len(tour.STEPS), 2):
        for column, name in zip(st.columns(2), tour.STEPS[row : row + 2], strict=False):
            with column, st.container(key=f"card-step-{name}", border=True):
                slots[name] = st.container()
                page = st.session_state["pages"][steps[name].page]
                st.page_link(
                    page,
                    label=_("Go to {page}").format(page=page.title),
                    icon=":material/arrow_forward:",
                    query_params={"lang": i18n.language()},
                )
    _refresh(path, head, slots)


def begin() -> None:
    """Start the tour with the session. Its start time is also in the URL, so that a reload keeps the steps done."""
    state = st.session_state
    if "tour_since" not in state:
        state["tour_since"] = _since_in_url() or time.time()
        state["tour_done"] = frozenset()
    st.query_params["since"] = f"{state['tour_since']:.0f}"


def note_answer() -> None:
    """Remember that a duplicate conversion was refused: a refusal writes no row, so no table shows it to the tour."""
    answer = st.session_state.get("answer")
    if answer is not None and isinstance(answer.refusal, DuplicateConversion):
        st.session_state["tour_refused"] = answer.at


def _version() -> object:
    look = resources.tour_facts().look()
    now = time.time()
    held = look.value is not None and any(window.ended_at > now for window in look.value.windows)
    return look.version, held, diagram_card.version()


@st.fragment
@guarded
def _refresh(path: DeltaGenerator, head: DeltaGenerator, slots: dict[str, DeltaGenerator]) -> None:
    with pulse.followed("guide"):
        with path:
            diagram_card.show()
        _draw_steps(head, slots)


def _draw_steps(head: DeltaGenerator, slots: dict[str, DeltaGenerator]) -> None:
    state = st.session_state
    look = resources.tour_facts().look(1.5)
    since = float(state["tour_since"])
    if look.value is not None:
        refused = float(state.get("tour_refused", 0.0)) >= since
        state["tour_done"] |= tour.find_done(look.value, since, time.time(), refused)
    done_steps: frozenset[str] = state["tour_done"]
    following = tour.find_next(done_steps)
    with head:
        live_html.show(_render_progress(done_steps, since, look.problem), "tour_progress")
    for place, (name, step) in enumerate(_steps().items(), start=1):
        with slots[name]:
            live_html.show(_render_step(place, step, name in done_steps, name == following), f"step-{name}")


def _render_step(place: int, step: Step, is_done: bool, following: bool) -> Html:
    tick = tag("span", "✓" if is_done else f"{place}", class_="tick ok" if is_done else "tick")
    how = _("done") if is_done else _("next") if following else ""
    title = join([tag("b", step.title), " ", tag("span", how, class_="ok" if is_done else "warn")])
    body = join([tick, tag("span", title), tag("p", step.text)])
    return tag("div", body, class_="step done" if is_done else "step")


def _render_progress(done_steps: frozenset[str], since: float, problem: Message | None) -> Html:
    share = 100 * len(done_steps) / len(tour.STEPS)
    at = instant(int(since * 1e6), live_html.zone())[:8]
    sentence = _("{n} of {m} steps done since {at}").format(n=number(len(done_steps)), m=number(len(tour.STEPS)), at=at)
    if len(done_steps) == len(tour.STEPS):
        sentence += " · " + _("You killed Pulsar and saw that nothing was lost.")
    meter = tag("div", tag("div", "", style=f"width:{share:.0f}%"), class_="meter")
    away = notice(join([tag("strong", _("The database is down")), f": {words.translate(problem)}"])) if problem else ""
    return join([away, tag("strong", sentence, role="status"), meter])


def _intro() -> str:
    return _(
        "A service writes its state and an event about it in one transaction: the event waits in a table, the outbox. Another component publishes it. So no event is lost and none is invented when a component dies. See for yourself."
    )


def _begin_again() -> None:
    st.session_state["tour_since"] = time.time()
    st.session_state["tour_done"] = frozenset()


def _since_in_url() -> float | None:
    """Return the start time in the URL, seconds since the epoch; None unless it lies within the last 24 hours."""
    try:
        since = float(st.query_params.get("since", ""))
    except ValueError:
        return None
    return since if 0 < time.time() - since < 24 * 3600 else None


def _steps() -> dict[str, Step]:
    """Return the steps by name, in order; each text has two sentences."""
    return {
        "command": Step(
            _("Send a command"),
            _(
                "Press Calculate. The database writes the commission and its event in one transaction: both, or neither."
            ),
            "live",
        ),
        "arrives": Step(
            _("See its event arrive"),
            _(
                "The event was captured from the outbox, published to Pulsar, and a worker wrote a notification. You see it in the feed, and in the reconciliation as one more in each source."
            ),
            "live",
        ),
        "trace": Step(
            _("Follow it hop by hop"),
            _(
                "Click any event to open its trace: a bar for each hop, in milliseconds, and what was stored or sent at each. The step is ticked when all timestamps of one of your events are known."
            ),
            "trace",
        ),
        "twice": Step(
            _("Send it twice"),
            _(
                "Press Send again. The conversion is unique in the database, so the second command is refused and writes nothing."
            ),
            "live",
        ),
        "approve": Step(
            _("Approve a commission"),
            _(
                "Take one from the list in the Approve tab. Its version rises to 2, and a second event follows the first, in order."
            ),
            "live",
        ),
        "kill": Step(
            _("Kill the broker"),
            _(
                "Kill Pulsar under “Manual fault injection” with a downtime of 15 seconds or more. It gets SIGKILL: no cleanup, as in a power cut."
            ),
            "scenarios",
        ),
        "goes_on": Step(
            _("Commands go on"),
            _(
                "While the broker is down, go back and press Calculate a few times, or start a load. Commands succeed as before: they need the database only, and their events wait in the outbox."
            ),
            "live",
        ),
        "everything": Step(
            _("See everything arrive"),
            _(
                "The broker comes back by itself, or at “Start it again now” on the Scenarios page, and the waiting events are published. It ticks when every committed event is notified: nothing was lost."
            ),
            "live",
        ),
        "scenario": Step(
            _("Run a scenario"),
            _(
                "A scenario does all this by itself and counts: try kill-broker, or dual-write to see what happens without an outbox. Its verdict compares four sources, ids and contents: outbox, Pulsar, notifications, audit file."
            ),
            "scenarios",
        ),
        "evidence": Step(
            _("Take the evidence with you"),
            _(
                "Under the verdict press Evidence: one HTML file with timeline, plots, counts, versions and seed, and with the commands that repeat the run."
            ),
            "scenarios",
        ),
    }


PAGE = PageSpec("guide", N_("Guide"), show, {"guide": _version}, ("since",))
