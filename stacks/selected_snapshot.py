"""Let Debezium take a new snapshot of the outbox from one row on: it publishes this row and all later ones again.

Its configuration gets a statement that selects these rows. When the snapshot is stored, the ordinary configuration comes back,
and it reads on in the binlog without another snapshot. The journal says meanwhile that the configuration must come back: if this
process is killed, `stacks.recovery` does it, and a snapshot that had not ended then begins again with every row.

Its position is forgotten, so no row below the first one may be left that it has not published. The rows that are there are
compared with what the observer saw. A transaction that commits meanwhile has its number in a gap, and the statement selects the
gaps too.
"""

from __future__ import annotations

import contextlib
import time
from typing import Protocol

from connectors.admin import AdminRefused, AdminUnavailable
from connectors.snapshot_rows import build_statement
from db import gaps, missing, queries
from db.engine import READ, connect
from db.errors import translated
from domain.errors import ExpectedError
from domain.message import Message
from settings import Settings
from stacks import operation
from stacks.lag import read_totals, select_unpublished
from stacks.operation import Holding, Say
from stacks.source_control import Finding

OPERATION = "new snapshot from one row on"
MOST_GAPS = 200
"""Each one is a condition of the statement."""
STANDSTILL_S = 90.0
"""It starts within ten seconds, on a busy machine within thirty; then the observer sees messages."""
LOOK_EVERY_S = 0.2


class RowsRefused(ExpectedError):
    """A snapshot from this row on is not possible, or would leave out rows that were never published."""


class SnapshotUnfinished(ExpectedError):
    """The snapshot did not end; the ordinary configuration is back."""


class SelectingCapture(Protocol):
    """A capture whose snapshot can be limited to some rows."""

    settings: Settings

    def examine(self) -> Finding: ...

    def begin_snapshot(self, held: Holding, statement: str) -> None:
        """Forget the position, and start with a configuration that has this statement. Raises what `act` raises."""

    def has_snapshot(self) -> bool:
        """Return whether its stored position is behind a complete snapshot. Raises AdminUnavailable or AdminRefused."""

    def restore_configuration(self) -> None:
        """Give it the ordinary configuration, and let it run on where it was. Raises what `act` raises."""


def take(capture: SelectingCapture, first_seq: int, say: Say) -> None:
    """Let it publish the rows with `seq >= first_seq` again, and return when it has.

    Raises RowsRefused, SnapshotUnfinished, Busy, DatabaseUnavailable, AdminUnavailable, AdminRefused or NotRunning.
    """
    settings = capture.settings
    with operation.alone(settings, OPERATION, say):
        finding = capture.examine()
        if not finding.ok:
            raise RowsRefused(Message("snapshot.not_healthy", why=finding.sentence))
        statement = choose_rows(settings, first_seq)
        with operation.holding(settings, OPERATION) as held:
            held.note(**{operation.SELECTS_ROWS: True})
            held.decide()  # so that the journal stays where the configuration cannot be restored now
            try:
                capture.begin_snapshot(held, statement)
                say(f"{settings.facts.capture.product} takes a snapshot from row {first_seq} on")
                _wait_for_snapshot(capture)
            finally:
                capture.restore_configuration()
                held.undecide()


def choose_rows(settings: Settings, first_seq: int) -> str:
    """Return the statement that selects the rows from `first_seq` on. Raises RowsRefused or DatabaseUnavailable."""
    engine = connect(settings.database_url, pool_size=1)
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            head = queries.outbox_head(connection)
            if not 0 <= first_seq <= head:
                raise RowsRefused(Message("snapshot.no_such_row", seq=first_seq, head=head))
            # Read before the rows: what commits between the two reads has its number in a gap.
            ranges = gaps.find_gaps(connection, first_seq, MOST_GAPS + 1)
            ids = missing.find_missing(connection, first_seq - 1)
    finally:
        engine.dispose()
    if len(ranges) > MOST_GAPS:
        raise RowsRefused(Message("snapshot.many_gaps", seq=first_seq, n=MOST_GAPS))
    if unpublished := select_unpublished(settings, ids.values()):
        raise RowsRefused(Message("snapshot.unpublished", seq=first_seq, n=len(unpublished)))
    return build_statement(settings, first_seq, ranges)


def _wait_for_snapshot(capture: SelectingCapture) -> None:
    """Return when the snapshot is stored. Raises SnapshotUnfinished when nothing new is published for long."""
    version, changed_at = None, time.monotonic()
    while True:
        with contextlib.suppress(AdminUnavailable, AdminRefused):  # the broker may be restarted meanwhile
            if capture.has_snapshot():
                return
        totals = read_totals(capture.settings)
        if totals is not None and totals.version != version:
            version, changed_at = totals.version, time.monotonic()
        if time.monotonic() - changed_at > STANDSTILL_S:
            raise SnapshotUnfinished(Message("snapshot.unfinished", s=round(STANDSTILL_S)))
        time.sleep(LOOK_EVERY_S)
