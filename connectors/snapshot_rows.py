"""Choose the rows of the outbox that Debezium publishes from a snapshot: every row, unless a statement selects some.

`snapshot.select.statement.overrides` names the table, and a property with the table's name at its end has the statement that the
snapshot sends in place of its own. Both versions, 1.9.7 and 3.6.3, send it word for word.
"""

from __future__ import annotations

from collections.abc import Sequence

from settings import Settings

OVERRIDES = "snapshot.select.statement.overrides"


def build_statement(settings: Settings, first_seq: int, gaps: Sequence[tuple[int, int]]) -> str:
    """Return the statement that selects the rows with `seq >= first_seq`, and those that have appeared in a gap meanwhile.

    `gaps` are ranges of numbers below `first_seq`, first and last one included. The rows come in the order of `seq`.
    """
    conditions = [f"seq >= {first_seq}", *(f"seq BETWEEN {first} AND {last}" for first, last in gaps)]
    table = f"`{settings.database_name}`.`outbox_event`"
    return f"SELECT * FROM {table} WHERE {' OR '.join(conditions)} ORDER BY seq"


def render_override(settings: Settings, statement: str) -> dict[str, str]:
    """Return the properties that make a snapshot send the statement; none for an empty one, which means every row."""
    if not statement:
        return {}
    table = f"{settings.database_name}.outbox_event"
    return {OVERRIDES: table, f"{OVERRIDES}.{table}": statement}
