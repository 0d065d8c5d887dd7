"""Run the audit process, which keeps `data/events.jsonl` equal to the notifications: see workers.audit_projection."""

from __future__ import annotations

import logging
import os
import threading
import time

from application import crash_points
from db.engine import connect
from db.errors import DatabaseUnavailable
from settings import Settings
from workers import audit_file, rows_in_work
from workers.audit_projection import AuditProjection
from workers.heartbeat import Heartbeat
from workers.process import run

log = logging.getLogger(__name__)

CHECK_EVERY_S = 0.1
IDLE_CHECK_EVERY_S = 0.3
"""While no notification comes: a check costs 3 ms, so ten in a second would take 3 % of a core."""
IDLE_AFTER_S = 3.0


def main(settings: Settings, stop: threading.Event) -> None:
    engine = connect(settings.worker_url)
    heart = Heartbeat(settings, "audit")
    points = crash_points.of_this_process(settings)
    # The folder of the file may be shared with its reader; the index is of no use to anybody else.
    index_path = settings.data / "events.index"
    projection = AuditProjection(
        engine,
        settings.audit_file,
        lambda: points.reached("audit.half_appended"),
        index_path=index_path,
        work=rows_in_work.open_for_component(settings, "audit"),
    )
    busy_at = time.monotonic()
    folder: int | None = None
    try:
        while not stop.is_set():
            pause_s = CHECK_EVERY_S if time.monotonic() - busy_at < IDLE_AFTER_S else IDLE_CHECK_EVERY_S
            try:
                if folder is None:
                    folder = audit_file.lock(settings.audit_file)
                with heart.waiting:
                    has_written = projection.step()
                if has_written or projection.busy:
                    busy_at = time.monotonic()
                heart.beat(True)
                if projection.busy:
                    pause_s = 0.0
            except DatabaseUnavailable as error:
                log.warning("waiting for the database: %s", error)
                heart.beat(False)
                pause_s = 0.5
            except FileNotFoundError:
                log.warning("the audit file was deleted: all of it is written again")
            except OSError as error:
                log.error("the audit file cannot be written: %s", error)
                heart.beat(False)
                pause_s = 1.0
            except Exception:
                log.exception("the audit file could not be brought up to date; trying again")
                heart.beat(False)
                pause_s = 1.0
            stop.wait(pause_s)
    finally:
        projection.close()
        engine.dispose()
        if folder is not None:
            os.close(folder)


if __name__ == "__main__":
    run("audit", main)
