"""An API whose queries show every commission as it was calculated."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from api.__main__ import main
from db import queries
from domain.changes.calculate import CommissionCalculated
from mutants.model import Mutant

_commission_by_conversion = queries.commission_by_conversion


def commission_by_conversion(connection: Connection, conversion_id: str) -> queries.CommissionRow | None:
    row = _commission_by_conversion(connection, conversion_id)
    return None if row is None else replace(row, status=CommissionCalculated.status, version=1)


MUTANT = Mutant("api", {"duplicate-command": "check.query_shows_state"})


if __name__ == "__main__":
    queries.commission_by_conversion = commission_by_conversion
    main()
