"""Runs another module in place of a part's own, in a stack that runs, and puts it back."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from db.engine import connect
from mutants import broker_settings, source_settings
from mutants.catalogue import module_of, mutants
from mutants.source_process import in_place_of_source
from scenarios.waiting import until
from settings import Settings
from stacks import health
from stacks.supervisor import Supervisor
from workers.heartbeat import read_heartbeat


@contextmanager
def installed(settings: Settings, name: str) -> Iterator[None]:
    """Run the mutant in place of what it breaks, and put that back."""
    mutant = mutants()[name]
    with ExitStack() as changes:
        if mutant.source_settings:
            changes.enter_context(source_settings.changed(settings, mutant.source_settings))
        if mutant.broker_settings:
            changes.enter_context(broker_settings.changed(settings, mutant.broker_settings))
        if mutant.replaces_source:
            changes.enter_context(in_place_of_source(settings, module_of(name)))
        elif mutant.runs_module:
            changes.enter_context(replaced(settings, mutant.part, module_of(name)))
        yield


@contextmanager
def replaced(settings: Settings, part: str, module: str) -> Iterator[None]:
    assert importlib.util.find_spec(module) is not None, f"there is no module {module}"
    path = Supervisor(settings).part_file(part)
    sound = path.read_text(encoding="utf-8")
    specification = json.loads(sound)
    *interpreter, _ = specification["argv"]
    path.write_text(json.dumps({**specification, "argv": [*interpreter, module]}), encoding="utf-8")
    try:
        _take_up(settings, part)
        yield
    finally:
        path.write_text(sound, encoding="utf-8")
        _take_up(settings, part)


def _take_up(settings: Settings, part: str) -> None:
    Supervisor(settings).restart_part(part)
    engine = connect(settings.worker_url)
    try:
        until(
            lambda: _has_its_own_heartbeat(settings, part) and all(row.works for row in health.check(settings, engine)),
            60,
            "every part well",
            0.2,
        )
    finally:
        engine.dispose()


def _has_its_own_heartbeat(settings: Settings, part: str) -> bool:
    """Whether the heartbeat, if the part has one, was written by the process that runs now and is connected."""
    heartbeat = read_heartbeat(settings, part)
    return heartbeat is None or (heartbeat.connected and heartbeat.pid == Supervisor(settings).pid(part))
