"""A source that was stopped at the broker, and not by its user here, is started when the instance starts."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.admin import AdminRefused
from stacks.native import provision


class Broker:
    """Pulsar's administration of one source."""

    def __init__(self, exists: bool, refusal: AdminRefused | None = None) -> None:
        self.exists = exists
        self.refusal = refusal
        self.asked: list[str] = []

    def source_exists(self, _: str) -> bool:
        return self.exists

    def create_source(self, _: dict[str, Any]) -> None:
        self.asked.append("create")

    def source_config(self, _: str) -> dict[str, Any]:
        return {"configs": {}, "topicName": "t"}

    def source(self, _: str, action: str) -> None:
        self.asked.append(action)
        if self.refusal is not None:
            raise self.refusal


CONFIG = {"name": "s", "configs": {}, "topicName": "t"}


def is_created(broker: Broker) -> bool:
    return provision._is_created(broker, CONFIG)  # type: ignore[arg-type]


@pytest.mark.parametrize(("exists", "asked"), [(True, ["start"]), (False, ["create"])])
def test_one_that_exists_is_started(exists: bool, asked: list[str]) -> None:
    broker = Broker(exists)
    assert is_created(broker)
    assert broker.asked == asked


@pytest.mark.parametrize(("status", "is_done"), [(400, True), (503, False)])
def test_one_that_runs_is_refused_and_a_worker_that_is_not_ready_is_asked_again(status: int, is_done: bool) -> None:
    assert is_created(Broker(True, AdminRefused(status, "Operation not permitted"))) is is_done
