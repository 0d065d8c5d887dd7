"""Give the running Debezium source other settings than ours, and put ours back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from connectors import source
from connectors.admin import Admin, AdminRefused, AdminUnavailable
from db import binlog
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from scenarios.waiting import until
from settings import Settings
from stacks import operation
from stacks.lag import read_lag
from stacks.native import healing, position

OPERATION = "other settings of the source"
READS_WITHIN_S = 90.0
CATCHES_UP_WITHIN_S = 120.0


@contextmanager
def changed(settings: Settings, changes: Mapping[str, str]) -> Iterator[None]:
    """Let the source run with these settings. Afterwards it has ours, and has published what it left out meanwhile.

    Raises what `apply` and `restore` raise.
    """
    try:
        apply(settings, changes)
        yield
    finally:
        restore(settings)


def apply(settings: Settings, changes: Mapping[str, str]) -> None:
    """Change these settings of the source, and wait until it reads the binlog with them.

    Raises AdminUnavailable, AdminRefused, Busy or TookTooLong.
    """
    config = source.render(settings)
    config["configs"] |= changes
    _update(settings, config)


def restore(settings: Settings) -> None:
    """Give the source its own settings again, and let it publish what it did not under others. Raises what `apply` raises."""
    _update(settings, source.render(settings), has_forgotten=True)
    engine = connect(settings.worker_url, pool_size=1)
    try:
        until(lambda: not read_lag(settings, engine).capture_behind, CATCHES_UP_WITHIN_S, "the source has caught up")
    finally:
        engine.dispose()


def _update(settings: Settings, config: dict[str, object], *, has_forgotten: bool = False) -> None:
    """Stop the source, change it, and wait until it reads; with `has_forgotten`, it takes a new snapshot."""
    topics = (settings.topics.offsets, settings.topics.schema_history) if has_forgotten else ()
    with (
        operation.alone(settings, OPERATION, lambda _: None),
        operation.holding(settings, OPERATION) as held,
        Admin(settings, timeout_s=60) as admin,
    ):
        held.hold(settings.facts.capture.component)  # it is no process: this keeps the healer away
        position.forget(settings, admin, topics, held, lambda: source.ensure_source(admin, config))
    healing.forget(settings)
    until(lambda: _reads(settings), READS_WITHIN_S, "the source reads the binlog")


def _reads(settings: Settings) -> bool:
    engine = connect(settings.admin_url, pool_size=1)
    try:
        with Admin(settings) as admin, translated(), engine.connect().execution_options(**READ) as connection:
            return admin.source_status(settings.source_name).running and binlog.is_captured(connection)
    except (AdminUnavailable, AdminRefused, DatabaseUnavailable):
        return False
    finally:
        engine.dispose()
