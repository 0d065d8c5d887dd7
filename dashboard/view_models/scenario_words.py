"""Name what a result holds in the visitor's language: its counts, figures, verdict and faults.

What a run says of itself is a message (`scenarios.messages`), which `words.translate` translates.
"""

from __future__ import annotations

from dashboard.i18n import _
from dashboard.view_models import words
from scenarios.model import Attribute

CHAOS = (
    "Everything at once",
    "Under random faults in a random order, no event is lost, duplicated or reordered.",
    "For {minutes} min, random faults, chosen by the seed, hit every component under load.",
)
"""The texts by which `scenarios.chaos` describes itself; a test compares them."""


def attribute(name: Attribute) -> str:
    """Return the heading of the scenarios that test a quality attribute."""
    return {
        "outbox": _("With and without an outbox"),
        "consistency": _("Consistency"),
        "idempotency": _("Idempotency"),
        "fault_tolerance": _("Fault tolerance"),
        "performance": _("Performance under load"),
        "auditability": _("Auditability"),
    }[name]


def fault(name: str) -> str:
    """Translate the name of a fault, such as `kill`; the messages `fault.…` of scenarios have the same names."""
    return _(name)


def broken(name: str, part: str) -> str:
    """Return the label of a fault's window: what was done to which component."""
    return f"{fault(name)} {words.part(part)}"


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
            _("Events whose contents differ between two sources: another amount, type or time. Must be 0."),
        ),
        "duplicated_effects": (_("duplicated effects"), _("Events with more than one notification. Must be 0.")),
        "out_of_order": (_("out of order"), _("Events persisted after a later one of their commission. Must be 0.")),
        "never_committed": (
            _("phantom (never committed)"),
            _("Events that were published without a committed transaction. Must be 0."),
        ),
        "duplicates_absorbed": (
            _("duplicates absorbed"),
            _("Deliveries that came again; the inbox knew them and nothing changed."),
        ),
        "dead_lettered": (
            _("dead-lettered"),
            _(
                "Events of this load that are dead letters and have no notification. A requeued event that was processed does not count."
            ),
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
        "naive_committed": _("without an outbox: committed"),
        "naive_lost": _("without an outbox: lost"),
        "naive_errors": _("without an outbox: errors"),
        "naive_lost_ids": _("without an outbox: the first events lost"),
        "rolled_back": _("commands rolled back"),
        "consistent_after_ms": _("consistent after, ms"),
        "dead_letters": _("dead letters"),
        "answers": _("reachable"),
        "refused_by": _("refused by"),
        "commands_while_down": _("commands while it was down"),
        "refused": _("commands refused"),
        "read_again": _("events read again"),
        "faults": _("faults injected"),
        "schedule": _("schedule of the faults"),
        "commands_refused": _("commands refused"),
        "acknowledged_by": _("commands acknowledged, by route"),
    }.get(name, name.replace("_", " "))


def verdict_hint(verdict: str) -> str:
    return {
        "PASS": _("Every invariant held, and the fault was real."),
        "FAIL": _("An invariant is broken: the hypothesis does not hold."),
        "INCONCLUSIVE": _("The fault could not be confirmed, or the judge failed: this run proves nothing."),
    }.get(verdict, "")


def state(name: str) -> str:
    return {"running": _("running"), "finished": _("finished"), "stopped": _("stopped")}.get(name, name)
