"""Draw the forms that issue commands (calculate, approve, load), each with the other ways to do the same."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from application.permissions import Action
from dashboard import access, permalinks, pulse, resources
from dashboard.components import answers, live_html
from dashboard.components.card import show_me_how
from dashboard.components.controls import act_button, number_field, submit_button, view_button
from dashboard.components.markup import shorten
from dashboard.guard import guarded
from dashboard.i18n import _, number, plain_decimal
from dashboard.view_models import commands, how, words
from dashboard.view_models.commands import Answer, CommandName
from dashboard.view_models.load import FASTEST, MOST, AlreadyRunning

FIELDS = ("conversion", "affiliate", "campaign", "gross", "currency")


def show() -> dict[CommandName, DeltaGenerator]:
    """Draw the forms; return for each kind of command the container in which `answer` draws its answer."""
    if not access.may(Action.ISSUE_COMMANDS):
        st.info(access.why_only_shown(), icon="🔒")
        return {}
    calculate, approve, load = st.tabs([_("Calculate"), _("Approve"), _("Load test")])
    with calculate:
        _calculate()
        calculated = st.container()
    with approve:
        _approve()
        approved = st.container()
    with load:
        _load()
    return {"calculate": calculated, "approve": approved}


def answer(slots: dict[CommandName, DeltaGenerator]) -> None:
    """Draw the answer to the last command below its form; it changes as the command's event arrives."""
    last: Answer | None = st.session_state.get("answer")
    for command_name, slot in slots.items():
        own_answer = last if last is not None and last.command == command_name else None
        with slot:
            live_html.show(answers.answer(own_answer, resources.refresher().database), f"answer-{command_name}")


def _calculate() -> None:
    state = st.session_state
    state.setdefault("conversion", commands.new_conversion())
    state.setdefault("gross", number(120.5, 2))
    with st.form("calculate", border=False):
        st.text_input(
            _("Conversion id"),
            key="conversion",
            help=_("Made up for you. Unique: the same conversion is refused the second time."),
        )
        left, right = st.columns(2)
        left.text_input(_("Affiliate"), "aff-1", key="affiliate", help=_("Who earns the commission."))
        right.text_input(
            _("Campaign"),
            "cmp-1",
            key="campaign",
            help=_("The campaign decides the commission rate: its own one, or 10 %."),
        )
        left, right = st.columns(2)
        left.text_input(_("Gross amount"), key="gross", help=_("Amount of the conversion, as you write numbers."))
        right.text_input(_("Currency"), "USD", key="currency", help=_("ISO 4217 code."))
        submit_button(Action.ISSUE_COMMANDS, _("Calculate"), _send, type="primary", width="stretch")
    with st.container(horizontal=True, key="title-again"):
        act_button(
            Action.ISSUE_COMMANDS,
            _("Send again (duplicate)"),
            _send_again,
            help=_("Sends the same conversion once more: it is refused."),
            type="tertiary",
        )
        show_me_how(how.calculate(resources.settings(), *_values()))


def _values() -> tuple[str, ...]:
    """Return what the fields hold; the amount in plain spelling."""
    values = {name: str(st.session_state.get(name, "")) for name in FIELDS}
    return tuple((values | {"gross": plain_decimal(values["gross"].strip())}).values())


def _send() -> None:
    """Send the command. As a callback it runs before the form is drawn, which then shows the next conversion id."""
    state = st.session_state
    state["sent"] = _values()
    state["answer"] = commands.calculate(resources.application(), *state["sent"])
    if state["answer"].result is not None:
        state["conversion"] = commands.new_conversion()


def _send_again() -> None:
    state = st.session_state
    if "sent" not in state:
        _send()
    state["answer"] = commands.calculate(resources.application(), *state["sent"])


def _approve() -> None:
    waiting = [row for row in resources.refresher().database.commissions if row.status == "CALCULATED"]
    rows = {row.id: f"{shorten(row.id)} · {row.amount} {row.currency}" for row in waiting}
    typed = st.selectbox(
        _("Commission"),
        list(rows),
        format_func=lambda commission_id: rows.get(commission_id, commission_id),
        accept_new_options=True,
        index=0 if rows else None,
        placeholder=_("Nothing to approve – or type an id"),
        help=_("The newest that wait for approval; or type the id of any other."),
    )
    looks = {"type": "primary", "disabled": not typed, "width": "stretch"}
    act_button(Action.ISSUE_COMMANDS, _("Approve"), _send_approval, (typed,), **looks)
    with st.container(horizontal=True, key="title-approve"):
        view_button(_("Refresh the list"), type="tertiary")
        show_me_how(how.approve(resources.settings(), typed or ""))


def _send_approval(commission_id: str) -> None:
    st.session_state["answer"] = commands.approve(resources.application(), commission_id)


def _load() -> None:
    left, right = st.columns(2)
    with left:
        meaning = _("How many commissions are calculated, on fresh ids.")
        total = number_field(_("Commands"), 1, MOST, 200, 50, "load_total", help=meaning)
    with right:
        meaning = _("Highest number of commands per second; a slow database may allow fewer.")
        rate = number_field(_("Rate (per second)"), 1, FASTEST, 50, 10, "load_rate", help=meaning)
    looks: dict[str, Any] = {"type": "primary", "width": "stretch", "disabled": not total or not rate}
    act_button(Action.ISSUE_COMMANDS, _("Start the load"), _start_load, **looks)
    with st.container(horizontal=True, key="title-load"):
        show_me_how(how.load(resources.settings(), int(total or 1), int(rate or 1)))
    _progress(resources.load_runner().progress.state == "running")


def _start_load() -> None:
    """Start a load of the numbers in the fields at the click; the button may have been drawn with earlier ones."""
    total, rate = int(st.session_state["load_total"] or 0), int(st.session_state["load_rate"] or 0)
    if not (1 <= total <= MOST and 1 <= rate <= FASTEST):
        return  # the sentence below the field says so
    try:
        resources.load_runner().start(total, rate)
    except AlreadyRunning:
        st.toast(_("A load runs already; cancel it first."), icon=":material/info:")


def mark() -> object:
    """Return the version of the progress of a load."""
    state = resources.load_runner().progress.state
    return state, pulse.moment(state == "running")


@st.fragment
@guarded
def _progress(was_running: bool) -> None:
    with pulse.followed("load"):
        _draw_progress(was_running)


def _draw_progress(was_running: bool) -> None:
    runner = resources.load_runner()
    now = runner.progress
    if was_running and now.state != "running":
        st.rerun()
    if now.state == "idle":
        st.caption(_("It runs outside this page: you may leave, and cancel it here."))
        return
    share = (now.sent + now.failed) / max(1, now.total)
    names = {"running": _("running"), "done": _("done"), "cancelled": _("cancelled")}
    text = _("{state}: {sent} of {total} in {s} s").format(
        state=names[now.state], sent=number(now.sent), total=number(now.total), s=number(now.seconds, 1)
    )
    st.progress(min(1.0, share), text)
    if now.failed:
        why = words.translate(now.problem) if now.problem else ""
        st.warning(_("{n} not written: {why}").format(n=number(now.failed), why=why), icon=":material/power_off:")
    with st.container(horizontal=True, key="title-progress"):
        if now.state == "running":
            act_button(Action.ISSUE_COMMANDS, _("Cancel"), runner.cancel)
        if view_button(_("trace →"), type="tertiary", help=_("The events of this load.")):
            permalinks.open_trace(now.correlation_id)


__all__ = ["Answer", "answer", "show"]
