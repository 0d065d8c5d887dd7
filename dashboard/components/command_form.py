"""Calculate and approve, with the answer and what was written."""

from __future__ import annotations

import streamlit as st

from dashboard import resources
from dashboard.view_models import commands, live
from dashboard.view_models.commands import Answer


def show() -> None:
    st.subheader("1 · Issue a command", anchor=False)
    if resources.settings().read_only:
        st.info("This instance is shown read-only: it takes no commands.", icon="🔒")
        return
    calculate, approve = st.tabs(["Calculate", "Approve"])
    with calculate:
        _calculate()
    with approve:
        _approve()
    answer = st.session_state.get("answer")
    if answer is None:
        st.caption("The answer, and what the transaction wrote, will appear here.")
    else:
        _answer(answer)


def _calculate() -> None:
    st.session_state.setdefault("conversion", commands.new_conversion())
    with st.form("calculate", border=False):
        st.text_input("Conversion id", key="conversion", help="Unique: the same conversion is refused the second time.")
        left, right = st.columns(2)
        left.text_input("Affiliate", "aff-1", key="affiliate")
        right.text_input("Campaign", "cmp-1", key="campaign", help="Decides the commission rate.")
        left, right = st.columns(2)
        left.text_input("Gross amount", "120.50", key="gross")
        right.text_input("Currency", "USD", key="currency", help="ISO 4217 code.")
        st.form_submit_button("Calculate", type="primary", on_click=_send)
    st.button("Same again", help="Sends the same conversion once more: it is refused.", on_click=_send, args=("again",))


def _send(which: str = "new") -> None:
    """A callback, so that the next conversion id stands in the form when it is drawn again."""
    state = st.session_state
    if which == "new":
        state.sent = tuple(state[name] for name in ("conversion", "affiliate", "campaign", "gross", "currency"))
    if "sent" not in state:
        state.answer = Answer(None, refusal="send a first one before sending it again")
        return
    state.answer = commands.calculate(resources.application(), *state.sent)
    if which == "new" and state.answer.result is not None:
        state.conversion = commands.new_conversion()


def _approve() -> None:
    waiting = live.waiting(resources.application())
    if not waiting:
        st.info("No commission waits for approval. Calculate one first.", icon="ℹ️")
        return
    labels = {row.id: f"{row.amount} {row.currency} · {row.id[:8]}…" for row in waiting}
    chosen = st.selectbox("Commission", list(labels), format_func=labels.__getitem__)
    if st.button("Approve", type="primary"):
        st.session_state.answer = commands.approve(resources.application(), chosen)
        st.rerun()


def _answer(answer: Answer) -> None:
    if answer.outage:
        st.error(f"Not written: {answer.outage}", icon="🔌")
    elif answer.refusal:
        st.warning(f"Refused, nothing was written: {answer.refusal}", icon="✋")
    elif answer.result:
        result = answer.result
        written = "nothing: the work was done already"
        if result.changed:
            written = (
                f"the commission (version {result.version}) and outbox row `{result.event_ids[0]}`, in one transaction"
            )
        amount = f"{result.amount} {result.currency} at rate {result.rate}"
        st.success(f"**{result.status}** {amount}  \nCommission `{result.commission_id}`  \nWritten: {written}")
