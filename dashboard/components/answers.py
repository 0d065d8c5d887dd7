"""Render the answer to a command: its result, what the transaction wrote, and how far its event has come."""

from __future__ import annotations

from dashboard.components.markup import Html, join, tag, trace_link
from dashboard.i18n import _, milliseconds, number
from dashboard.view_models import words
from dashboard.view_models.commands import ANSWER_WITHIN_S, Answer
from dashboard.view_models.snapshot import DatabaseState
from domain.commands import CommissionResult


def answer(reply: Answer | None, state: DatabaseState) -> Html:
    if reply is None:
        return tag("p", _("The answer, and what the transaction wrote, appears here."), class_="soft")
    if reply.unknown:
        sentence = _("No answer within {s} s. Whether it was written is not known yet: look at the rows beside.")
        return _box("outage", tag("strong", sentence.format(s=number(ANSWER_WITHIN_S))))
    if reply.outage:
        return _box("outage", tag("strong", _("Not written")), f": {words.translate(reply.outage)}")
    if reply.refusal is not None:
        return _box("refused", tag("strong", _("Refused, nothing was written")), f": {words.refusal(reply.refusal)}")
    assert reply.result is not None
    return _written(reply.result, reply.ms, state)


def _written(result: CommissionResult, ms: float, state: DatabaseState) -> Html:
    digits = max(0, -int(result.amount.as_tuple().exponent))
    amount = f"{number(float(result.amount), digits)} {result.currency} ({number(float(result.rate) * 100, 1)} %)"
    first = join([tag("strong", result.status), " ", trace_link(result.commission_id), f" · {amount}"])
    if not result.changed:
        return _box("refused", tag("p", first), _("Nothing was written: it was approved already."))
    wrote = _("Committed in {ms}: 1 commission (version {v}) + 1 outbox_event, one transaction.")
    lines = [
        tag("p", first),
        tag("p", wrote.format(ms=milliseconds(ms), v=result.version)),
        _arrival(result.event_ids[0], state),
    ]
    return _box("", *lines)


def _arrival(event_id: str, state: DatabaseState) -> Html:
    link = trace_link(event_id, _("trace →"))
    timed = next((timed for timed in reversed(state.timed) if timed.event_id == event_id), None)
    if timed is None:
        return join([tag("span", _("Event in flight…"), class_="warn"), " ", link])
    after = timed.end_to_end_ms
    sentence = _("Notified after {ms}").format(ms=milliseconds(after)) if after is not None else _("Notified")
    return join([tag("span", sentence, class_="ok"), " ", link])


def _box(kind: str, *parts: object) -> Html:
    return tag("div", join(parts), class_=f"answer {kind}".strip(), role="status")
