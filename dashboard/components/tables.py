"""Database state and feed, newest first, new rows marked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from dashboard.view_models.live import Live, is_new, short

HEIGHT = 176
MARK = st.column_config.TextColumn("", width=24)


def database(live: Live) -> None:
    st.subheader("2 · Database state", anchor=False, help="Both rows are written in one transaction, or neither.")
    if live.database_problem:
        st.error(f"The database is down: {live.database_problem}", icon="🔌")
        return
    now = datetime.now(UTC).replace(tzinfo=None)
    st.caption("`commission`")
    rows = [
        (
            _mark(is_new(row.updated_at, now)),
            _time(row.updated_at),
            row.id[:8],
            row.status,
            f"{row.amount} {row.currency}",
            row.version,
        )
        for row in live.commissions
    ]
    _table(rows, ["", "updated", "id", "status", "amount", "version"], "No commission yet: calculate one on the left.")
    st.caption("`outbox_event`")
    events = [
        (_mark(is_new(row.occurred_at, now)), _time(row.occurred_at), row.seq, row.type, row.aggregate_id[:8])
        for row in live.outbox
    ]
    _table(events, ["", "occurred", "seq", "type", "commission"], "The outbox is empty.")


def feed(live: Live) -> None:
    st.subheader("3 · Live Pulsar feed", anchor=False, help="Every message on the topics, as the observer received it.")
    if live.feed_problem:
        st.error(live.feed_problem, icon="🔌")
        return
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = []
    for message in live.feed:
        published = datetime.fromtimestamp(message.publish_us / 1e6, UTC).replace(tzinfo=None)
        key = (message.aggregate_id or message.key or "")[:8]
        rows.append(
            (
                _mark(is_new(published, now)),
                _time(published),
                message.type,
                key,
                short(message.topic),
                message.message_id,
            )
        )
    _table(
        rows,
        ["", "published", "type", "key", "topic", "message id"],
        "Nothing was published yet.",
        height=2 * HEIGHT + 10,
    )
    if live.feed:
        with st.expander("Newest message, as it is on the topic"):
            st.json(live.feed[0].value.decode("utf-8", "replace"), expanded=1)


def _table(rows: Sequence[tuple[object, ...]], columns: list[str], empty: str, height: int = HEIGHT) -> None:
    if not rows:
        st.info(empty, icon="ℹ️")
        return
    frame = pd.DataFrame([[str(cell) for cell in row] for row in rows], columns=columns)
    st.dataframe(frame, hide_index=True, height=height, width="stretch", row_height=28, column_config={"": MARK})


def _mark(new: bool) -> str:
    return "●" if new else ""


def _time(at: datetime) -> str:
    return at.replace(tzinfo=UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
