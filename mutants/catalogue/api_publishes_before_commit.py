"""An API that publishes its events itself before it commits, beside the relay."""

from __future__ import annotations

import json

from api.__main__ import main
from application import commissions
from connectors import envelope
from connectors.broker import Broker, Publisher
from db import outbox
from db.unit_of_work import SqlUnitOfWork
from domain.outbox import OutboxRecord
from mutants.model import Mutant
from settings import load


class Impatient(SqlUnitOfWork):
    def commit(self, correlation_id: str, traceparent: str | None) -> tuple[str, ...]:
        ids = {id(event): self._new_id() for commission in self.commissions.changed for event in commission.events}
        settings = load()
        publisher = Publisher(Broker(settings), settings.topics.events)
        for commission in self.commissions.changed:
            for event in commission.events:
                row = outbox.build_row(event, ids[id(event)], correlation_id, traceparent)
                row["payload"] = json.dumps(row["payload"])
                key, value = envelope.encode(OutboxRecord(seq=10**6, **row), envelope.now_ms())
                publisher.send(value, key)
        publisher.close()
        remaining = iter(ids.values())
        self._new_id = lambda: next(remaining)
        return super().commit(correlation_id, traceparent)


MUTANT = Mutant("api", {"atomicity": "nothing_uncommitted"})


if __name__ == "__main__":
    commissions.SqlUnitOfWork = Impatient
    main()
