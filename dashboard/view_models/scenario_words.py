"""Translate the English texts of scenarios: counts, checks, confirmations, timeline and verdict.

A test reads the scenarios' source and fails for a sentence that is not listed here. Hypotheses need not be listed: the
catalogues are made from the scenarios themselves.
"""

from __future__ import annotations

import re
from functools import cache

from dashboard.i18n import N_, _
from dashboard.view_models import words

SENTENCES = (
    # invariants of every run
    N_("nothing lost"),
    N_("each effect exactly once"),
    N_("each commission's events in order"),
    N_("nothing appears that was not committed"),
    N_("state and outbox agree"),
    N_("contents are equal in every source"),
    N_("no unexpected dead letter"),
    N_("something was measured"),
    N_("the system meets its deadlines"),
    # checks of one scenario
    N_("the backlog returns to zero"),
    N_("commands are not slowed"),
    N_("the preview was right"),
    N_("the replay adds no notification"),
    N_("the naive writer loses events under the same fault"),
    N_("another connection sees the row when its event is received"),
    N_("a rolled-back command leaves nothing"),
    N_("the worker is alive and processes good events"),
    N_("the failing event is not notified"),
    N_("after the fix, the requeued event is notified"),
    N_("one commission for each conversion"),
    N_("every repeated calculation is refused"),
    N_("one approval has an effect"),
    N_("every repeated approval changes nothing"),
    N_("two events for each commission"),
    N_("commands are acknowledged while it is down"),
    N_("every repeated delivery is absorbed and counted"),
    N_("died at {point}: both rows"),
    N_("died at {point}: neither row"),
    N_("the command completes when it is sent again"),
    N_("nothing before the last checkpoint is read again"),
    # confirmations
    N_("process {pid} of {part} is dead"),
    N_("{part} reached that point"),
    N_("the broker's port refuses connections"),
    N_("the backlog rose"),
    N_("the broker redelivered some of the messages"),
    N_("{n} messages were read again"),
    N_("{n} pairs of transactions were rolled back after writing both rows"),
    N_("each is dead-lettered with its reason"),
    N_("two later events of its commission arrived while it was retried"),
    N_("{n} repeated calculations were refused"),
    N_("the outbox was read again from its start"),
    N_("the database refuses connections"),
    N_("commands are refused with a reason"),
    N_("a new instance of the capture reads the outbox"),
    N_("events were published well before the restart"),
    N_("bytes of the audit file are missing or changed"),
    N_("commands were acknowledged by every route"),
    # timeline
    N_("waiting until every event has arrived, then counting"),
    N_("stopped before its verdict; every fault was undone"),
    N_("its process ended without a verdict; its faults end when their leases expire"),
    N_("the scenario could not be run: {why}"),
    N_("a naive writer commits and then publishes, beside the outbox"),
    N_("the backlog is back to zero"),
    N_("{n} events in {m} messages will be read again"),
    N_("commit, then publish: {n} of {m} events lost; the outbox lost none"),
    N_("{n} messages that cannot be processed were published"),
    N_("the failing event is requeued after the fix"),
    N_("round {n}: one calculation and one approval, {m} times each, at once"),
    N_("the database answers"),
    N_("the audit file holds every notification again"),
    N_("every component is healthy"),
    N_("{n} commissions a second are calculated and approved"),
    N_("the load ends: {n} commands acknowledged"),
    N_("the load ends: {n} commands acknowledged, {m} were refused"),
    N_("SIGKILL of {part}, pid {pid}, down for {s} s"),
    N_("{workers} take {ms} ms more for each event"),
    N_("every event of commission {id} fails in the worker"),
    N_("the worker works again"),
    N_("{part} dies where {point}"),
    N_("{part} was restarted"),
    N_("the capture's offsets are lost"),
    N_("{file} is cut in the middle of a line"),
    N_("{file} has another amount in a line"),
    N_("{file} is deleted"),
    N_("a burst at the usual speed"),
    N_("the same burst with a slowed worker"),
    N_("{part}: lost offsets"),
    N_("{part}: file damaged"),
    N_("the {fault} of {part} is over"),
    N_("not confirmed: {what}"),
    N_("the judge failed: {why}"),
    N_("no more samples: {why}"),
    # verdicts
    N_("all {n} invariants held, and the fault was real"),
    N_("that the hypothesis was tested"),
    N_("does not hold"),
    # details
    N_("{n} lost"),
    N_("{n} duplicated"),
    N_("{n} out of order"),
    N_("{n} differ"),
    N_("{n} disagreements"),
    N_("{n} dead letters"),
    N_("{n} events of {m} commissions"),
    N_("{n} of {m} events were read again"),
    N_("at most {n} events"),
    N_("{n} events"),
    N_("{n} of {m} not"),
    N_("{n} of {m} did"),
    N_("{n} commands"),
    N_("{n} new"),
    N_("{n} absorbed"),
    N_("p50 {a} ms, then {b} ms"),
    N_("not within {s} s"),
    N_("{n} commission, {m} outbox row"),
)
CHAOS = (
    "Everything at once",
    "Under random faults in a random order, no event is lost, duplicated or reordered.",
    "For {minutes} min, random faults, chosen by the seed, hit every component under load.",
)
"""The texts by which `scenarios.chaos` describes itself; a test compares them."""
INNER = (
    # crash points and faults, inside the sentences above
    N_("the commission is written, its outbox row is not, nothing is committed"),
    N_("the commission and its outbox row are written, nothing is committed"),
    N_("both are committed, nobody was told"),
    N_("the notifications are committed, the messages are not acknowledged"),
    N_("half of the audit lines are written"),
    N_("kill"),
    N_("slow"),
    N_("restart"),
    N_("lost offsets"),
    N_("file damaged"),
)
PLACE = re.compile(r"\\\{(\w+)\\\}")
NUMBERS = ("n", "m", "s", "ms", "a", "b", "pid")
HOLDS = re.compile(r"(?P<name>.*): (?P<how>holds|DOES NOT HOLD)(?: \((?P<detail>.*)\))?$", re.DOTALL)
VERDICT = re.compile(r"(?P<verdict>PASS|FAIL|INCONCLUSIVE): (?P<reason>.*)$", re.DOTALL)


def sentence(english: str) -> str | None:
    """Translate a sentence; return None if it is not known."""
    for pattern, message in _patterns():
        match = pattern.fullmatch(english)
        if match:
            return _(message).format(**{name: _within(name, text) for name, text in match.groupdict().items()})
    return None


def fault(name: str) -> str:
    """Translate the name of a fault, such as `kill` or `crash at api.…`."""
    return _(name)


def broken(name: str, part: str) -> str:
    """Return the label of a fault's window: what was done to which component."""
    return f"{fault(name)} {words.part(part)}"


def told(english: str) -> str:
    """Translate a name, a detail or a line of the timeline; an unknown text stays as it is."""
    check = HOLDS.match(english)
    if check:
        how = _("holds") if check["how"] == "holds" else _("DOES NOT HOLD")
        detail = f" ({told(check['detail'])})" if check["detail"] else ""
        return f"{told(check['name'])}: {how}{detail}"
    verdict = VERDICT.match(english)
    if verdict:
        return f"{verdict['verdict']}: {reason(verdict['reason'])}"
    return sentence(english) or _(english)


def reason(english: str) -> str:
    """Translate the reason of a verdict: one sentence, or several checks with their details."""
    translated = sentence(english)
    if translated is not None:
        return translated
    if english.startswith("not confirmed: "):
        names = english.removeprefix("not confirmed: ").split("; ")
        return _("not confirmed: {what}").format(what="; ".join(map(told, names)))
    return "; ".join(": ".join(map(told, part.split(": ", 1))) for part in english.split("; "))


def count(name: str) -> tuple[str, str]:
    """Return the label of one of a run's counts, and its explanation."""
    return {
        "committed": (_("committed"), _("Rows of outbox_event of this run: events committed with their state.")),
        "published": (_("published"), _("Distinct events of this run that the observer saw on Pulsar.")),
        "deliveries": (
            _("deliveries"),
            _("How often a worker committed one: at least once each; the surplus is absorbed."),
        ),
        "notifications": (_("notifications"), _("Rows of notification: the effect, once for each event.")),
        "audited": (_("audited"), _("Lines of data/events.jsonl.")),
        "lost": (_("lost"), _("Acknowledged or committed, and missing somewhere. Must be 0.")),
        "contents_differ": (
            _("contents differ"),
            _("Events of which two sources say different things: another amount, type or time. Must be 0."),
        ),
        "duplicated_effects": (_("doubled effects"), _("Events notified of more than once. Must be 0.")),
        "out_of_order": (_("out of order"), _("Events persisted after a later one of their commission. Must be 0.")),
        "never_committed": (_("never committed"), _("Published, and in no committed transaction. Must be 0.")),
        "duplicates_absorbed": (
            _("duplicates absorbed"),
            _("Deliveries that came again; the inbox knew them and nothing changed."),
        ),
        "dead_lettered": (
            _("dead for good"),
            _("Events of this load that were set aside and never notified of; those sent again with success are not."),
        ),
    }.get(name, (name.replace("_", " "), ""))


MUST_BE_ZERO = ("lost", "duplicated_effects", "out_of_order", "never_committed", "contents_differ")


def figure(name: str) -> str:
    """Return the label of a figure that a scenario measures besides the counts."""
    return {
        "commands_ms": _("commands take, ms"),
        "peak_backlog": _("backlog at its peak"),
        "notifications_per_s_slowed": _("notifications a second, slowed"),
        "absorbed": _("deliveries absorbed"),
        "naive_committed": _("naive writer: committed"),
        "naive_lost": _("naive writer: lost"),
        "naive_errors": _("naive writer: errors"),
        "rolled_back": _("commands rolled back"),
        "consistent_after_ms": _("consistent after, ms"),
        "dead_letters": _("dead letters"),
        "answers": _("answers"),
        "refused_by": _("refused by"),
        "commands_while_down": _("commands while it was down"),
        "refused": _("commands refused"),
        "read_again": _("events read again"),
        "faults": _("faults injected"),
        "commands_refused": _("commands refused"),
        "acknowledged_by": _("commands acknowledged, by way"),
    }.get(name, name.replace("_", " "))


def verdict_hint(verdict: str) -> str:
    return {
        "PASS": _("Every invariant held, and the fault was real."),
        "FAIL": _("An invariant is broken: the hypothesis does not hold."),
        "INCONCLUSIVE": _("The fault could not be confirmed, or the judge failed: this run proves nothing."),
    }.get(verdict, "")


def state(name: str) -> str:
    return {"running": _("running"), "finished": _("finished"), "stopped": _("stopped")}.get(name, name)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(PLACE.sub(_place, re.escape(message)), re.DOTALL), message) for message in SENTENCES)


def _within(name: str, text: str) -> str:
    if name == "part":
        return words.part(text)
    return _(text) if name in ("point", "fault", "what") else text


def _place(match: re.Match[str]) -> str:
    return rf"(?P<{match[1]}>{'-?[0-9.]+' if match[1] in NUMBERS else '.+?'})"
