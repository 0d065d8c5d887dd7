"""Tell a visitor on any page that a run has ended, with a link to it."""

from __future__ import annotations

import time

import streamlit as st

from dashboard.i18n import _, language
from dashboard.view_models.runs import RunsState
from scenarios.journal import Run

SHOWN_FOR_S = 10.0
"""How long the notice is drawn again with each refresh; the browser removes it when it is drawn no more."""
ICONS = {"PASS": ":material/check_circle:", "FAIL": ":material/error:", "INCONCLUSIVE": ":material/help:"}


def show(runs_state: RunsState | None) -> None:
    """Draw a notice for a run that ended since this visitor came; runs that had ended before are not told."""
    if runs_state is None:
        return
    ended = next((run for run in runs_state.history if run.finished_at is not None), None)
    state = st.session_state
    if "run_ended_noted" not in state:
        state["run_ended_noted"] = None if ended is None else ended.id
    elif ended is not None and state["run_ended_noted"] != ended.id:
        state["run_ended_noted"], state["run_ended_at"] = ended.id, time.time()
    if ended is not None and is_shown(state.get("run_ended_at"), time.time()):
        st.toast(
            sentence(ended), icon=ICONS.get(ended.verdict or "", ":material/stop_circle:"), duration=int(SHOWN_FOR_S)
        )


def is_shown(noted_at: float | None, now: float) -> bool:
    return noted_at is not None and now - noted_at < SHOWN_FOR_S


def sentence(run: Run) -> str:
    """Return Markdown: how the run ended, and a link to it."""
    if run.verdict is None:
        text = _("{name} was stopped before its verdict.").format(name=run.name)
    else:
        text = _("{name} ended: {verdict}.").format(name=run.name, verdict=run.verdict)
    label = _("Open the run")
    return f"{text} [{label}](scenarios?run={run.id}&lang={language()})"


def version(runs_state: RunsState | None) -> object:
    """Return what the notice depends on."""
    return None if runs_state is None else runs_state.history[:1]
