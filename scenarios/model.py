"""What a scenario declares, and what a run of it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from scenarios.trial import Trial

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
EVERYWHERE = ("embedded", "native", "compose")
WITH_MYSQL = ("native", "compose")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One quality scenario: what is believed, what is broken, and the experiment that puts the belief to the test."""

    name: str
    quality: str
    """The quality in the architect's words."""
    hypothesis: str
    """One sentence that the run supports or refutes."""
    breaks: str
    """What it does to the running parts, before anybody presses Run."""
    experiment: Callable[[Trial], None]
    stacks: tuple[str, ...] = EVERYWHERE
    takes_s: int = 10
    """About how long a run takes."""
    in_all: bool = True
    """Whether `run all` runs it."""
    poisonous: bool = False
    """Whether it sends what must be dead-lettered; in any other scenario one dead letter refutes the hypothesis."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of a run's timeline."""

    at: float
    """Seconds since the epoch."""
    kind: str
    """started, load, fault, confirmed, unconfirmed, fault_end, recovered, check, counting, verdict, note, judge_error,
    stopped."""
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FaultWindow:
    part: str
    fault: str
    started_at: float
    ended_at: float
    noticed_s: float | None = None
    """From the injection until the system itself noticed; None where it did not."""
    recovery_s: float | None = None
    """From the fault's end until every event committed by then, and the first one after it, was notified of."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Counts of the run's distinct events at one moment."""

    at: float
    committed: int
    published: int
    notified: int


@dataclass(frozen=True, slots=True)
class Counts:
    committed: int
    published: int
    deliveries: int
    notifications: int
    audited: int
    lost: int
    """Acknowledged to a client or committed, and missing in one of the other sources, dead-lettered for good included."""
    duplicated_effects: int
    out_of_order: int
    never_committed: int
    """Published, notified or audited, and in no committed transaction."""
    duplicates_absorbed: int
    dead_lettered: int
    """Dead-lettered and never notified of."""
    contents_differ: int = 0
    """Events of which two sources say different things."""


@dataclass(frozen=True, slots=True)
class Result:
    """Everything a run found; `to_json` of it is the evidence."""

    run_id: str
    name: str
    stack: str
    seed: int
    hypothesis: str
    verdict: Verdict
    reason: str
    """Why the verdict is what it is, in a sentence."""
    fault_confirmed: bool
    counts: Counts
    recovery_s: float | None
    noticed_s: float | None
    duration_s: float
    started_at: float
    confirmations: tuple[Check, ...]
    checks: tuple[Check, ...]
    windows: tuple[FaultWindow, ...]
    figures: Mapping[str, Any]
    """What this scenario measures beyond the counts; times in ms or s as their names say."""
    ids: Mapping[str, list[str]]
    """Where a count is not what it should be: the first of the event ids concerned."""
    timeline: tuple[Moment, ...]
    samples: tuple[Sample, ...]
    points: tuple[tuple[float, float], ...]
    """(occurred at in seconds since the epoch, milliseconds until notified) of the run's events."""
    versions: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def summary(self) -> dict[str, Any]:
        """One line of `run all`."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "fault_confirmed": self.fault_confirmed,
            "committed": self.counts.committed,
            "published": self.counts.published,
            "deliveries": self.counts.deliveries,
            "notifications": self.counts.notifications,
            "lost": self.counts.lost,
            "duplicated_effects": self.counts.duplicated_effects,
            "out_of_order": self.counts.out_of_order,
            "recovery_s": self.recovery_s,
            "duration_s": self.duration_s,
            "run_id": self.run_id,
            "seed": self.seed,
            "reason": self.reason,
            "figures": dict(self.figures),
        }


def result_from_json(values: Mapping[str, Any]) -> Result:
    """The inverse of `to_json`."""
    made = dict(values)
    made["counts"] = Counts(**made["counts"])
    for name, kind in (
        ("confirmations", Check),
        ("checks", Check),
        ("windows", FaultWindow),
        ("timeline", Moment),
        ("samples", Sample),
    ):
        made[name] = tuple(kind(**each) for each in made[name])
    made["points"] = tuple((each[0], each[1]) for each in made["points"])
    return Result(**made)
