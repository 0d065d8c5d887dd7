"""Draw the panel of dead letters: their reasons, and the buttons that requeue them."""

from __future__ import annotations

import streamlit as st

from application.permissions import Action as Permission
from dashboard import pulse, resources
from dashboard.components import live_html, operating
from dashboard.components.confirm import confirm
from dashboard.components.markup import empty, join, notice, tag
from dashboard.guard import guarded
from dashboard.i18n import _
from dashboard.view_models import operations, words
from db.dead_letter_queries import DeadLetterRow


def mark() -> object:
    """Return the version of the panel."""
    return resources.dead_letters().look().version, resources.actions().last("requeue")


@st.fragment
@guarded
def show() -> None:
    with pulse.followed("letters"):
        _draw()


def _draw() -> None:
    look = resources.dead_letters().look(1.0)
    rows = look.value or ()
    if look.problem:
        live_html.show(operating.unread(look.problem), "letters_problem")
    _draw_requeued()
    if not rows:
        live_html.show(
            empty(_("None: every message could be processed. The scenario poison-message makes some.")), "letters_none"
        )
        return
    picked = int(st.session_state.get("letter") or rows[0].seq)
    chosen = next((row for row in rows if row.seq == picked), rows[0])
    listed = join([operating.causes(rows), operating.letters(rows, chosen.seq, live_html.zone())])
    clicked = live_html.show(listed, "letters")
    if clicked and int(clicked) != picked:
        st.session_state["letter"] = int(clicked)
        pulse.draw_again()
    with st.container(key="buttons-letters", horizontal=True):
        _requeue_buttons(rows, chosen)
    live_html.show(operating.letter(chosen), "letter")


def _requeue_buttons(rows: tuple[DeadLetterRow, ...], chosen: DeadLetterRow) -> None:
    waiting = [row.seq for row in rows if row.requeued_at is None]
    confirm(
        Permission.REQUEUE,
        _("Requeue {n}").format(n=chosen.seq),
        "requeue-one",
        _(
            "It is sent once more: an event to the worker, an outbox row to the broker. What still cannot be processed comes back here."
        ),
        _("Requeue it"),
        _requeue,
        ([chosen.seq],),
        disabled=chosen.requeued_at is not None,
    )
    confirm(
        Permission.REQUEUE,
        _("Requeue pending ({n})").format(n=len(waiting)),
        "requeue-all",
        _("Each is sent once more: an event to the worker, an outbox row to the broker."),
        _("Requeue them"),
        _requeue,
        (waiting,),
        disabled=not waiting,
    )


def _requeue(seqs: list[int]) -> None:
    settings = resources.settings()
    resources.actions().start("requeue", "requeue", lambda: operations.requeue(settings, seqs))
    resources.dead_letters().again()


def _draw_requeued() -> None:
    last = resources.actions().last("requeue")
    if last is None:
        return
    if last.running:
        live_html.show(tag("p", _("sending…"), class_="soft"), "requeued")
    elif last.problem:
        live_html.show(notice(words.translate(last.problem)), "requeued")
    else:
        sentence = _("{n} requeued. A message that still cannot be processed comes back as a new row.")
        live_html.show(tag("p", sentence.format(n=last.outcome), class_="soft"), "requeued")
