"""Define what a mutant declares of itself, and what a scenario found of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from application.components import find_component


@dataclass(frozen=True, slots=True)
class Mutant:
    """A component, or settings of the source or the broker, that are wrong on purpose, and who must notice."""

    part: str
    """The component in whose place its module runs; `source` or `broker` for settings of these."""
    caught_by: Mapping[str, str]
    """Scenario → the property that must not hold there, or the code of a check of the scenario (`check.…`), which must not
    hold. The quickest scenario comes first."""
    replaces_source: bool = False
    """Whether its module runs in place of the Debezium source, which is no process that it could be."""
    source_settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of the Debezium source that take the place of ours."""
    broker_settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of Pulsar that take the place of ours."""

    @property
    def runs_module(self) -> bool:
        """Whether its module runs; otherwise its settings are all that is wrong."""
        return self.replaces_source or not (
            find_component(self.part).is_server or find_component(self.part).is_connector
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """What one scenario said of a system with a mutant in it."""

    name: str
    scenario: str
    expected: str
    """The property, or the check, that had to find it."""
    caught_by: str | None
    """The same, when it found the mutant; None when it did not."""
    counter_example_events: int
    """Number of observations in the counter-example; 0 when only a check of the scenario found it."""
    broken: tuple[str, ...]
    """Every property and check that does not hold."""
    verdict: str
    reason: str
    seconds: float

    @property
    def ok(self) -> bool:
        return self.caught_by is not None
