"""Draw the panel of dead letters: their reasons, and the buttons that requeue, correct and discard them."""

from __future__ import annotations

from collections.abc import Callable

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
from stacks import dead_letters as letters

REQUEUE, DISCARD = "requeue", "discard"
KINDS = (REQUEUE, DISCARD)


def mark() -> object:
    """Return the version of the panel."""
    return resources.dead_letters().look().version, *(resources.actions().last(kind) for kind in KINDS)


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
    _show_outcomes()
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
        _correct_button(chosen)
        _discard_button(chosen)
    live_html.show(operating.letter(chosen, letters.find_attempts(rows, chosen.seq)), "letter")


def _requeue_buttons(rows: tuple[DeadLetterRow, ...], chosen: DeadLetterRow) -> None:
    waiting = [row.seq for row in rows if row.is_waiting]
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


def _correct_button(chosen: DeadLetterRow) -> None:
    """Draw the button that sends a command with a corrected body; an event's contents are never changed."""
    if not letters.is_editable(resources.settings(), chosen):
        return

    def ask() -> str | None:
        body = chosen.payload.decode("utf-8", "replace")
        text: str = st.text_area(_("The command"), body, height=220, key=f"letter-body-{chosen.seq}")
        return text.strip() or None

    confirm(
        Permission.REQUEUE,
        _("Correct {n}").format(n=chosen.seq),
        "requeue-corrected",
        _("The command is sent with the text below. A text that is no command is refused, and nothing is sent."),
        _("Send it"),
        _send_corrected,
        (chosen.seq,),
        ask=ask,
        disabled=chosen.requeued_at is not None,
    )


def _discard_button(chosen: DeadLetterRow) -> None:
    def ask() -> str:
        return st.text_input(
            _("Why it needs no requeue"), max_chars=letters.NOTE_CHARACTERS, key=f"letter-note-{chosen.seq}"
        )

    confirm(
        Permission.REQUEUE,
        _("Discard {n}").format(n=chosen.seq),
        "discard-one",
        _("It no longer waits. Its row stays with your note, and it can still be requeued."),
        _("Discard it"),
        _discard,
        (chosen.seq,),
        ask=ask,
        disabled=not chosen.is_waiting,
    )


def _requeue(seqs: list[int]) -> None:
    settings = resources.settings()
    _start(REQUEUE, lambda: operations.requeue(settings, seqs))


def _send_corrected(seq: int, drawn_body: str) -> None:
    """Send what the field holds at the click; the button may have been drawn with an earlier text."""
    settings, body = resources.settings(), str(st.session_state.get(f"letter-body-{seq}", drawn_body))
    _start(REQUEUE, lambda: operations.send_edited(settings, seq, body))


def _discard(seq: int, drawn_note: str) -> None:
    settings, note = resources.settings(), str(st.session_state.get(f"letter-note-{seq}", drawn_note))
    _start(DISCARD, lambda: operations.discard(settings, [seq], note))


def _start(kind: str, work: Callable[[], object]) -> None:
    resources.actions().start(kind, kind, work)
    resources.dead_letters().again()


def _show_outcomes() -> None:
    sentences = {
        REQUEUE: _("{n} requeued. A message that still cannot be processed comes back as a new row."),
        DISCARD: _("{n} discarded."),
    }
    for kind, sentence in sentences.items():
        last = resources.actions().last(kind)
        if last is None:
            continue
        if last.running:
            live_html.show(tag("p", _("sending…"), class_="soft"), kind)
        elif last.problem:
            live_html.show(notice(words.translate(last.problem)), kind)
        else:
            live_html.show(tag("p", sentence.format(n=last.outcome), class_="soft"), kind)
