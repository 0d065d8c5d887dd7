"""Render the table of the ways to publish that were measured side by side."""

from __future__ import annotations

from dashboard.components.markup import Html, join, table, tag
from dashboard.i18n import _, milliseconds, number
from dashboard.view_models.peers import Measured, Peer


def draw(measured: Measured) -> Html:
    """Return the table, and a line that says where its figures come from."""
    head = (
        (_("way to publish"), ""),
        ("p50", _("From the first statement of the transaction to the receipt of its event, a command each 10 ms.")),
        ("p99", _("p99: 99 of 100 events were at least this fast.")),
        (_("p50 alone"), _("The same of an event with more than a second of silence before it.")),
        (_("commits/s"), _("As fast as four writers can.")),
        (_("CPU per event"), _("Processor time of all processes, in a storm of commands.")),
        (_("statements"), _("Statements of the database for each event, and in parentheses each second without any.")),
        (_("recovers in"), _("From the broker's answer after SIGKILL to the first new event.")),
        (_("lost"), _("Committed while the broker was killed, and never received; and how many were committed.")),
        (_("duplicates"), ""),
        (_("out of order"), ""),
    )
    origin = _("Measured on {day} on one machine ({machine}), {database}, {broker}. Compare the ratios.").format(
        day=measured.day, machine=measured.machine, database=measured.database, broker=measured.broker
    )
    return tag(
        "div",
        join(
            [
                table(head, [(peer.name, _cells(peer)) for peer in measured.peers]),
                tag("p", origin, class_="empty"),
            ]
        ),
        class_="peers",
    )


def _cells(peer: Peer) -> tuple[object, ...]:
    return (
        tag("span", _describe(peer.name), title=peer.name),
        milliseconds(peer.p50_ms),
        milliseconds(peer.p99_ms),
        milliseconds(peer.lone_p50_ms),
        number(peer.commits_per_s),
        milliseconds(peer.cpu_ms),
        f"{number(peer.statements, 1)} ({number(peer.idle_statements_per_s)})",
        "—" if peer.recovers_s is None else f"{number(peer.recovers_s, 1)} s",
        _("{n} of {m}").format(n=number(peer.lost), m=number(peer.committed)),
        number(peer.duplicates),
        number(peer.reordered),
    )


def _describe(name: str) -> str:
    return {
        "stock": _("Debezium in Pulsar IO, the original description's settings"),
        "debezium": _("Debezium in Pulsar IO, tuned"),
        "debezium-server": _("Debezium Server, tuned"),
        "polling": _("a program that polls the outbox"),
        "dual-write": _("no outbox: commit, then publish"),
    }.get(name, name)
