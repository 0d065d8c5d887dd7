"""The properties of a run: pure functions over its history, each of which holds or yields violations.

`judge` asks all of them. There is no other way in which a run is judged, apart from the checks of its own scenario.
"""

from __future__ import annotations

from collections.abc import Mapping

from scenarios.history.records import History
from scenarios.observations import CounterExample
from scenarios.properties.audit import audit_equals_notifications
from scenarios.properties.clients import (
    acknowledged_is_committed,
    command_once,
    committed_what_was_asked,
    refused_leaves_nothing,
)
from scenarios.properties.letters import dead_letters_in_topic_and_table, no_dead_letter
from scenarios.properties.order import in_order
from scenarios.properties.path import (
    contents_unchanged,
    effect_once,
    key_unchanged,
    nothing_lost,
    nothing_uncommitted,
    notification_and_inbox_agree,
    published_what_was_committed,
)
from scenarios.properties.state import state_and_outbox_agree
from scenarios.properties.violations import Finding, Property

PROPERTIES: dict[str, Property] = {
    function.__name__: function
    for function in (
        acknowledged_is_committed,
        refused_leaves_nothing,
        committed_what_was_asked,
        command_once,
        state_and_outbox_agree,
        published_what_was_committed,
        contents_unchanged,
        key_unchanged,
        nothing_uncommitted,
        nothing_lost,
        effect_once,
        notification_and_inbox_agree,
        in_order,
        no_dead_letter,
        dead_letters_in_topic_and_table,
        audit_equals_notifications,
    )
}
"""Name → property, causes before their consequences: the first that does not hold explains a FAIL."""


def judge(history: History) -> dict[str, Finding]:
    """Return what each property says about a history."""
    return {name: Finding(name, tuple(holds(history))) for name, holds in PROPERTIES.items()}


def first_counter_example(findings: Mapping[str, Finding]) -> CounterExample | None:
    """Return the counter-example of the first property that does not hold; None when all hold."""
    return next((finding.counter_example() for finding in findings.values() if not finding.holds), None)
