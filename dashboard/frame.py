"""Draw what surrounds every page: the navigation, the stack and the health of its components, and the language switch.

Every page is guarded (`dashboard.guard`), so that no visitor sees a traceback.
"""

from __future__ import annotations

import time
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import access, i18n, presenting, pulse, resources
from dashboard.components import lights, live_html, run_notice, search_panel
from dashboard.guard import guarded
from dashboard.i18n import _, number
from dashboard.screens import guide
from dashboard.site import PAGES
from dashboard.view_models.runs import elapsed_s

ASSETS = Path(__file__).parent / "assets"
STYLES = ("frame", "live", "break", "diagram", "compare", "present")


def run() -> None:
    st.set_page_config(page_title="Alpes · Outbox", page_icon=str(ASSETS / "icon.svg"), layout="wide")
    i18n.use(lambda: (st.session_state.get("language", "en"), st.context.locale))
    _choose_language()
    presenting.choose()
    for style in STYLES:
        st.html(ASSETS / f"{style}.css")
    st.logo(str(ASSETS / "logo.svg"), size="large")
    if not access.granted(resources.settings()):
        return
    pages = [
        st.Page(guarded(spec.show), title=_(spec.title), url_path=spec.path, default=place == 0)
        for place, spec in enumerate(PAGES)
    ]
    st.session_state["pages"] = {spec.path: page for spec, page in zip(PAGES, pages, strict=True)}
    chosen = st.navigation(pages, position="top")
    st.session_state["page"] = chosen.url_path
    st.set_page_config(page_title=f"{chosen.title} · Alpes Outbox")  # now its language and name are known
    guide.note_answer()
    with st.container(key="frame", horizontal=True):
        bar = st.container(width="content")
        search_panel.show()
        presenting.draw_switch()
        _language_switch()
    _status(bar, st.container(key="troubles"), chosen.title)
    chosen.run()


def _choose_language() -> None:
    query = st.query_params.get("lang")
    state = st.session_state
    if query in i18n.LANGUAGES:
        state["language"] = query
    elif "language" not in state:
        state["language"] = i18n.chosen(st.context.locale, None)
    if state.get("language_chosen") or query:
        state["language_chosen"] = True
        st.query_params["lang"] = state["language"]


def _language_switch() -> None:
    state = st.session_state
    state["language_switch"] = state["language"]

    def switch() -> None:
        wanted = state["language_switch"] or state["language"]
        state["language"], state["language_chosen"] = wanted, True
        st.query_params["lang"] = wanted

    st.segmented_control(
        _("Language"),
        list(i18n.LANGUAGES),
        format_func=str.upper,
        key="language_switch",
        on_change=switch,
        label_visibility="collapsed",
    )


def _work() -> tuple[str, ...]:
    """Return what runs outside the pages now: a load and a scenario."""
    load, runs = resources.load_runner().progress, resources.runs().look().value
    activities = []
    if load.state == "running":
        activities.append(_("Load {n}/{m}").format(n=number(load.sent + load.failed), m=number(load.total)))
    if runs is not None and runs.current is not None:
        moments = resources.runs_reader().moments(runs.current)
        if moments:
            name, seconds = moments[0].data.get("name", ""), number(elapsed_s(moments, time.time()))
            activities.append(f"{name} {seconds} s")
    return tuple(activities)


def version() -> object:
    """Return the version of the header."""
    load, runs = resources.load_runner().progress, resources.runs().look()
    busy = load.state == "running" or (runs.value is not None and runs.value.current is not None)
    notice = run_notice.version(runs.value)
    return resources.refresher().health.version, busy, notice, int(time.time()) if busy else 0


@st.fragment
@guarded
def _status(bar: DeltaGenerator, troubles: DeltaGenerator, title: str) -> None:
    """Draw the stack and the health of its components, and on every page a sentence for each component that is down."""
    with pulse.followed("frame"):
        health, work = resources.refresher().health, _work()
        stack = resources.settings().stack
        with bar:
            draw = lambda: lights.header(stack, health, title, work)  # noqa: E731
            live_html.show(live_html.once("header", (health, title, work), draw), "header")
        with troubles:
            live_html.show(live_html.once("troubles", health, lambda: lights.troubles(health.down())), "troubles")
        run_notice.show(resources.runs().look().value)


pulse.register(
    {"frame": version} | {name: mark for page in PAGES for name, mark in page.marks.items()},
    {page.path: page.parameters for page in PAGES},
)
