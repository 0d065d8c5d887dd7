"""Topics on a broker that is just starting: asked again until it answers, unless it forbids."""

from __future__ import annotations

import pytest

from connectors.admin import AdminRefused, AdminUnavailable
from settings import Settings
from stacks.native import provision


class StartingAdmin:
    """Fails with each of `errors` in turn at its policies, then takes everything."""

    def __init__(self, errors: list[Exception]) -> None:
        self.errors = errors
        self.topics: set[str] = set()
        self.short_lived: set[str] = set()

    def __enter__(self) -> StartingAdmin:
        return self

    def __exit__(self, *_: object) -> None: ...

    def namespace_exists(self) -> bool:
        return True

    def functions_ready(self) -> bool:
        return True

    def keep_messages(self) -> None:
        if self.errors:
            raise self.errors.pop(0)

    def accept_any_schema(self) -> None: ...

    def create_topic(self, topic: str, partitions: int) -> None:
        self.topics.add(topic)

    def keep_briefly(self, topic: str) -> None:
        self.short_lived.add(topic)


def _provision(errors: list[Exception], monkeypatch: pytest.MonkeyPatch) -> StartingAdmin:
    admin = StartingAdmin(errors)
    monkeypatch.setattr(provision, "Admin", lambda *_, **__: admin)
    provision.provision_broker(Settings(stack="compose"), lambda _: None)
    return admin


def test_a_broker_that_does_not_answer_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [AdminUnavailable("timed out"), AdminRefused(500, "no ledger"), AdminUnavailable("gone")]
    admin = _provision(errors, monkeypatch)
    assert errors == []
    assert {Settings(stack="compose").topics.routed, Settings(stack="compose").topics.offsets} <= admin.topics
    assert admin.short_lived == {Settings(stack="compose").topics.heartbeat}


@pytest.mark.parametrize("status", [401, 403])
def test_what_is_forbidden_is_told_at_once(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provision, "ANSWERS_WITHIN_S", float("inf"))
    with pytest.raises(provision.ProvisionFailed, match=f"HTTP {status}"):
        _provision([AdminRefused(status, "not allowed")], monkeypatch)
