"""Find events that were notified out of order within their commission.

On SQLite, which has one writer at a time, `notification.seq` is the order of commits. MySQL assigns it at the INSERT, so a later
event may become visible first and still have the higher `seq`. There the timestamp `persisted` decides: the worker reads the
clock after its commit and before it acknowledges, and no worker receives the commission's next event before that. A later
event that became visible before the transaction of the earlier one even began shows a clock that was set back, and no order.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, FromClause, Select, func, select

from db.run_rows import chunks
from db.tables import dead_letter, event_timing, notification, outbox_event
from domain.clock import epoch_us

_AT_US = event_timing.c.persisted_us.label("at_us")


def notified_out_of_order(
    connection: Connection, correlation_id: str | None = None, *, one_clock: bool = True
) -> list[str]:
    """Return the sorted ids of events that a later event of their commission overtook, or that overtook a failing one.

    A requeued event may follow later ones, but these must have waited until it was dead-lettered. `one_clock` means that all
    workers run on one host, so that their timestamps can be compared.
    """
    overtaken = set(connection.scalars(_select_inserted_late(correlation_id)))
    overtaken |= set(connection.scalars(_select_overtaking_failing(correlation_id)))
    if one_clock:
        overtaken |= _find_visible_late(connection, correlation_id)
    return sorted(overtaken)


def _select_inserted_late(correlation_id: str | None) -> Select[tuple[str]]:
    """Select the events that come after a later version of their commission: for each version above 1, what follows it.

    Most commissions end with it, so that one look into the index of the commissions shows that nothing follows.
    """
    later, late = notification.alias("later"), notification.alias("late")
    # The expression keeps a planner from beginning with all events and looking back from each.
    follows = (late.c.commission_id == func.coalesce(later.c.commission_id, "")) & (late.c.seq > later.c.seq)
    overtaken = follows & (late.c.aggregate_version < later.c.aggregate_version)
    query = select(late.c.event_id).distinct().select_from(later).join(late, overtaken)
    query = query.where(later.c.aggregate_version > 1)
    for event in (later, late):
        query = _exclude_dead_lettered(query, correlation_id, event)
    return query


def _find_visible_late(connection: Connection, correlation_id: str | None) -> set[str]:
    """Return the events that were committed after a later one, whose transaction began while theirs was open."""
    suspects = connection.execute(_select_visible_late(correlation_id)).all()
    later_us: dict[str, list[tuple[int, int]]] = {}
    commission_ids = sorted({suspect.commission_id for suspect in suspects})
    for some in chunks(commission_ids):
        query = _exclude_dead_lettered(_select_times(), None).where(notification.c.commission_id.in_(some))
        for row in connection.execute(query):
            later_us.setdefault(row.commission_id, []).append((row.aggregate_version, row.at_us))
    return {
        suspect.event_id
        for suspect in suspects
        if any(
            version > suspect.aggregate_version and epoch_us(suspect.notified_at) <= at_us < suspect.at_us
            for version, at_us in later_us.get(suspect.commission_id, ())
        )
    }


def _select_times() -> Select[tuple[str, int, int]]:
    query = select(notification.c.commission_id, notification.c.aggregate_version, _AT_US)
    return _join_times(query)


def _join_times(query: Select[Any]) -> Select[Any]:
    is_timed = (event_timing.c.event_id == notification.c.event_id) & event_timing.c.persisted_us.is_not(None)
    return query.select_from(notification).join(event_timing, is_timed)


def _select_visible_late(correlation_id: str | None) -> Select[tuple[str, str, int, datetime, int]]:
    """Select events with a later timestamp than a higher version has. Events without a timestamp are left out.

    It begins with each version above 1, as `_select_inserted_late` does.
    """
    later, late = notification.alias("later"), notification.alias("late")
    later_timing, late_timing = event_timing.alias("later_timing"), event_timing.alias("late_timing")
    precedes = (late.c.commission_id == func.coalesce(later.c.commission_id, "")) & (
        late.c.aggregate_version < later.c.aggregate_version
    )
    shown_after = (late_timing.c.event_id == late.c.event_id) & (
        late_timing.c.persisted_us > later_timing.c.persisted_us
    )
    columns = (late.c[name] for name in ("event_id", "commission_id", "aggregate_version", "notified_at"))
    query = (
        select(*columns, late_timing.c.persisted_us.label("at_us"))
        .distinct()
        .select_from(later)
        .join(later_timing, later_timing.c.event_id == later.c.event_id)
        .join(late, precedes)
        .join(late_timing, shown_after)
        .where(later.c.aggregate_version > 1)
    )
    for event in (later, late):
        query = _exclude_dead_lettered(query, correlation_id, event)
    return query


def _select_overtaking_failing(correlation_id: str | None) -> Select[tuple[str]]:
    dead = (
        select(dead_letter.c.event_id, func.min(dead_letter.c.dead_lettered_at).label("at"))
        .where(dead_letter.c.event_id.is_not(None))
        .group_by(dead_letter.c.event_id)
        .subquery()
    )
    later = notification.alias("later")
    # An event that has its notification and fails at a redelivery holds no other event.
    was_notified = (
        select(notification.c.event_id)
        .where(notification.c.event_id == dead.c.event_id, notification.c.notified_at <= dead.c.at)
        .exists()
    )
    query = (
        select(later.c.event_id)
        .distinct()
        .select_from(dead)
        .join(outbox_event, outbox_event.c.id == dead.c.event_id)
        .join(
            later,
            (later.c.commission_id == outbox_event.c.aggregate_id)
            & (later.c.aggregate_version > outbox_event.c.aggregate_version)
            & (later.c.notified_at < dead.c.at),
        )
        .where(~was_notified)
    )
    return query if correlation_id is None else query.where(later.c.correlation_id == correlation_id)


def _exclude_dead_lettered(
    query: Select[Any], correlation_id: str | None, event: FromClause = notification
) -> Select[Any]:
    dead = select(dead_letter.c.event_id).where(dead_letter.c.event_id == event.c.event_id).exists()
    query = query.where(~dead)
    return query if correlation_id is None else query.where(event.c.correlation_id == correlation_id)
