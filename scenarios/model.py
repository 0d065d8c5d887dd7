"""The data of scenarios: what a scenario declares, and the result of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from domain.message import Message, from_json, verbatim
from scenarios.observations import CounterExample, counter_example_from_json
from settings.stack_facts import STACKS, CaptureName, DatabaseKind

if TYPE_CHECKING:
    from scenarios.trial import Trial

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
Attribute = Literal["outbox", "consistency", "idempotency", "fault_tolerance", "performance", "auditability"]
ATTRIBUTES: tuple[Attribute, ...] = get_args(Attribute)
"""The quality attributes, in the order of lists."""
EVERYWHERE = tuple(facts.name for facts in STACKS.values() if facts.servers_are_ours)
OF_OUR_MYSQL = tuple(
    name for name in EVERYWHERE if STACKS[name].database is DatabaseKind.MYSQL and not STACKS[name].in_containers
)
"""Stacks whose MySQL is a process on this host, so that a scenario may be its root."""
WITH_MYSQL = tuple(name for name in EVERYWHERE if STACKS[name].database is DatabaseKind.MYSQL)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario: its hypothesis, the fault, and the experiment that tests the hypothesis."""

    name: str
    quality: str
    """The quality of the architecture that is tested, in the words of architects."""
    hypothesis: str
    """One sentence that the run supports or refutes."""
    breaks: str
    """What a run does to the running components: users read it before they start one."""
    experiment: Callable[[Trial], None]
    stacks: tuple[str, ...] = EVERYWHERE
    captures: tuple[str, ...] = ()
    """Names of the captures whose faults it causes (`settings.facts.capture`); empty: every capture."""
    needs_cluster: bool = False
    """Whether it breaks servers that only a cluster has (`./alpes up --stack compose --cluster`)."""
    attribute: Attribute = "fault_tolerance"
    """The quality attribute under which lists show it."""
    takes_s: int = 10
    """Approximate duration of a run in seconds."""
    in_all: bool = True
    """Whether `run all` runs it."""
    poisonous: bool = False
    """Whether it sends poison messages. In all other scenarios one dead letter refutes the hypothesis."""

    def runs_on(self, stack: str, cluster: bool = False, capture: CaptureName = "") -> bool:
        """Return whether the stack, as a cluster or not, with its own capture or another, has what this scenario breaks."""
        if stack not in self.stacks or not (cluster or not self.needs_cluster):
            return False
        return not self.captures or STACKS[stack].with_capture(capture).capture.name in self.captures

    @property
    def places(self) -> tuple[str, ...]:
        """The stacks that it runs on, as `./alpes up --stack` takes them."""
        return tuple(f"{stack} --cluster" for stack in self.stacks) if self.needs_cluster else self.stacks


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of a run's timeline. Files of older versions have the text alone."""

    at: float
    """Seconds since the epoch."""
    kind: str
    """started, load, fault, confirmed, unconfirmed, fault_end, recovered, check, counting, verdict, note, judge_error,
    stopped."""
    text: str
    """The message in English."""
    data: Mapping[str, Any] = field(default_factory=dict)
    message: Message | None = None

    @classmethod
    def of(cls, at: float, kind: str, message: Message, data: Mapping[str, Any] | None = None) -> Self:
        return cls(at, kind, str(message), dict(data or {}), message)

    def get_message(self) -> Message:
        """Return its message; of an entry that has the text alone, the text."""
        return self.message or verbatim(self.text)


@dataclass(frozen=True, slots=True)
class Check:
    """A confirmation or an invariant. Files of older versions have the texts alone."""

    name: str
    """The message in English."""
    ok: bool
    detail: str = ""
    """The message of the detail in English; empty without one."""
    message: Message | None = None
    detail_message: Message | None = None

    @classmethod
    def of(cls, message: Message, ok: bool, detail: Message | None = None) -> Self:
        return cls(str(message), ok, "" if detail is None else str(detail), message, detail)

    def get_message(self) -> Message:
        """Return its message; of a check that has the text alone, the text."""
        return self.message or verbatim(self.name)

    def get_detail_message(self) -> Message | None:
        return self.detail_message or (verbatim(self.detail) if self.detail else None)


@dataclass(frozen=True, slots=True)
class FaultWindow:
    part: str
    fault: str
    started_at: float
    ended_at: float
    noticed_s: float | None = None
    """Seconds from the injection until the supervisor noticed; None if it did not."""
    recovery_s: float | None = None
    """Seconds from the fault's end until all events committed by then, and the first one after, had a notification."""
    message: Message | None = None
    """The fault's name; `fault` is the same in English."""

    def get_message(self) -> Message:
        """Return the fault's name; of a window that has the text alone, the text."""
        return self.message or verbatim(self.fault)


@dataclass(frozen=True, slots=True)
class Sample:
    """Counts of the run's distinct events at one moment."""

    at: float
    committed: int
    published: int
    notified: int
    beside: tuple[int, int] | None = None
    """Committed and published by the writer without an outbox that runs beside it; None where none does."""


@dataclass(frozen=True, slots=True)
class Counts:
    committed: int
    published: int
    deliveries: int
    notifications: int
    audited: int
    lost: int
    """Acknowledged to a client or committed, and missing in another source; includes unresolved dead letters."""
    duplicated_effects: int
    out_of_order: int
    never_committed: int
    """Published, notified or audited without a committed transaction."""
    duplicates_absorbed: int
    dead_lettered: int
    """Dead-lettered and without a notification."""
    contents_differ: int = 0
    """Events with different contents in two sources."""


@dataclass(frozen=True, slots=True)
class Result:
    """The whole result of a run; `to_json` returns the evidence."""

    run_id: str
    name: str
    stack: str
    seed: int
    hypothesis: str
    verdict: Verdict
    reason: str
    """The reason of the verdict in English, in one sentence."""
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
    """Further measurements of this scenario; the names end in the unit of times, `_ms` or `_s`."""
    wrong_event_ids: Mapping[str, list[str]]
    """Name of a wrong count → the first event ids behind it."""
    timeline: tuple[Moment, ...]
    samples: tuple[Sample, ...]
    points: tuple[tuple[float, float], ...]
    """(occurred at in seconds since the epoch, milliseconds until notified) of the run's events."""
    versions: Mapping[str, str]
    reason_message: Message | None = None
    properties: Mapping[str, bool] = field(default_factory=dict)
    """Property → whether it holds. Results of older versions have none."""
    counter_example: CounterExample | None = None
    """What proves that the first of the broken properties does not hold."""

    def get_message(self) -> Message:
        """Return the reason's message; of a result that has the text alone, the text."""
        return self.reason_message or verbatim(self.reason)

    def to_json(self) -> dict[str, Any]:
        values = asdict(self)
        values["ids"] = values.pop("wrong_event_ids")
        return values

    def broken(self) -> tuple[str, ...]:
        """Return the names of the properties, and the codes of the scenario's own checks, that do not hold."""
        properties = [name for name, holds in self.properties.items() if not holds]
        checks = [check.message.code for check in self.checks if not check.ok and check.message is not None]
        return (*properties, *(code for code in checks if not code.startswith("property.")))

    def summary(self) -> dict[str, Any]:
        """Return the values that `run all` prints of each run."""
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
            "properties": dict(self.properties),
            "counter_example": None if self.counter_example is None else asdict(self.counter_example),
        }


def result_from_json(values: Mapping[str, Any]) -> Result:
    """Build a result from the output of `to_json`."""
    fields = dict(values)
    fields["wrong_event_ids"] = fields.pop("ids")
    fields["counts"] = Counts(**fields["counts"])
    for name, kind in (
        ("confirmations", Check),
        ("checks", Check),
        ("windows", FaultWindow),
        ("timeline", Moment),
        ("samples", Sample),
    ):
        fields[name] = tuple(kind(**with_messages(entry)) for entry in fields[name])
    fields["counter_example"] = counter_example_from_json(fields.get("counter_example"))
    fields["points"] = tuple((entry[0], entry[1]) for entry in fields["points"])
    return Result(**with_messages(fields))


def with_messages(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a stored record with its messages in place of their JSON; None for those it does not have."""
    return {name: from_json(value) if name.endswith("message") else value for name, value in stored.items()}
