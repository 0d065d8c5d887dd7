"""A notifications worker that does not ask its inbox about requeued events: each requeue has an effect."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from connectors.broker import Received
from db.engine import connect
from mutants.catalogue import worker_skips_inbox
from mutants.model import Mutant
from settings import Settings
from workers import notifications
from workers.inbox import Effect, Inbox
from workers.process import run

sound_apply = Inbox.apply


class Trusting(worker_skips_inbox.Forgetful):
    def apply(self, effects: Sequence[Effect], skipped: Sequence[Received]) -> set[str]:
        if any("alpes-requeued" in effect.message.properties for effect in effects):
            return super().apply(effects, skipped)
        return sound_apply(self, effects, skipped)


def main(settings: Settings, stop: threading.Event) -> None:
    engine = connect(settings.admin_url)
    worker_skips_inbox.allow_doubles(engine)
    engine.dispose()
    notifications.Inbox = Trusting
    notifications.main(settings, stop)


MUTANT = Mutant("notifications", {"poison-message": "effect_once"})


if __name__ == "__main__":
    run("notifications", main)
