"""Test how a scenario knows that a worker has connected again: by a heartbeat written since it asked."""

from __future__ import annotations

import os
import time

from scenarios.sources import Sources
from tests.unit.trials import UnitTrial
from workers.heartbeat import Heartbeat, heartbeat_file


def test_only_a_heartbeat_since_the_question_says_that_a_worker_is_connected(trial: UnitTrial) -> None:
    heart = Heartbeat(trial.settings, trial.worker)
    heart.beat(connected=True)
    path = heartbeat_file(trial.settings, trial.worker)
    os.utime(path, (time.time() - 60, time.time() - 60))
    has_connected = Sources.connection_check(trial, trial.worker)
    assert not has_connected(), "this heartbeat is of the worker that was killed"
    heart.beat(connected=False)
    assert not has_connected(), "the worker runs and has no connection yet"
    heart.beat(connected=True)
    os.utime(path, (time.time() + 60, time.time() + 60))
    assert has_connected()
    path.unlink()
    assert not has_connected()
