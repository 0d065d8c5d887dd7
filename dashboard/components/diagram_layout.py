"""Place the parts of the diagram: side by side on a wide page, and one below the other on a narrow one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dashboard.view_models.diagram import ArrowName, NodeName

ContainerName = Literal["database", "worker"]


@dataclass(frozen=True, slots=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def middle_x(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line, from left to right or from above to below."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Layout:
    name: Literal["wide", "narrow"]
    width: float
    height: float
    containers: Mapping[ContainerName, Box]
    nodes: Mapping[NodeName, Box]
    arrows: Mapping[ArrowName, Line]
    braces: Mapping[ContainerName, str]
    """Container → the path of the brace that joins its two tables."""
    caption: tuple[float, float]
    badge: float
    """Where the mark of an outage stands on the upper edge of a box, as a share of its width: no arrow may enter there."""


WIDE = Layout(
    name="wide",
    width=1254,
    height=226,
    containers={"database": Box(166, 12, 200, 168), "worker": Box(838, 12, 200, 168)},
    nodes={
        "command": Box(2, 61, 100, 62),
        "commission": Box(196, 42, 162, 46),
        "outbox": Box(196, 96, 162, 46),
        "capture": Box(452, 88, 100, 62),
        "topic": Box(632, 88, 122, 62),
        "inbox": Box(868, 42, 162, 46),
        "notification": Box(868, 96, 162, 46),
        "retry": Box(822, 194, 108, 28),
        "dead_letters": Box(938, 194, 168, 28),
        "audit": Box(1110, 88, 142, 62),
    },
    arrows={
        "commit": Line(102, 92, 164, 92),
        "capture": Line(358, 119, 450, 119),
        "publish": Line(552, 119, 630, 119),
        "receive": Line(754, 119, 836, 119),
        "audit": Line(1030, 119, 1108, 119),
    },
    braces={
        "database": "M192 60 Q185 60 185 68 V84 Q185 92 178 92 Q185 92 185 100 V112 Q185 120 192 120",
        "worker": "M864 60 Q857 60 857 68 V84 Q857 92 850 92 Q857 92 857 100 V112 Q857 120 864 120",
    },
    caption=(2, 214),
    badge=0.5,
)

NARROW = Layout(
    name="narrow",
    width=330,
    height=612,
    containers={"database": Box(4, 76, 322, 110), "worker": Box(4, 368, 322, 110)},
    nodes={
        "command": Box(50, 4, 230, 34),
        "commission": Box(14, 102, 146, 46),
        "outbox": Box(170, 102, 146, 46),
        "capture": Box(50, 224, 230, 34),
        "topic": Box(50, 296, 230, 34),
        "inbox": Box(14, 394, 146, 46),
        "notification": Box(170, 394, 146, 46),
        "retry": Box(4, 488, 124, 28),
        "dead_letters": Box(176, 488, 150, 28),
        "audit": Box(50, 552, 230, 34),
    },
    arrows={
        "commit": Line(165, 38, 165, 74),
        "capture": Line(165, 186, 165, 222),
        "publish": Line(165, 258, 165, 294),
        "receive": Line(165, 330, 165, 366),
        "audit": Line(152, 478, 152, 550),
    },
    braces={
        "database": "M87 150 Q87 156 94 156 H158 Q165 156 165 162 Q165 156 172 156 H236 Q243 156 243 150",
        "worker": "M87 442 Q87 448 94 448 H158 Q165 448 165 454 Q165 448 172 448 H236 Q243 448 243 442",
    },
    caption=(4, 606),
    badge=0.82,
)
