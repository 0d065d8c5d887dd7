"""Draw the path of an event as SVG: counts at each node, what waits on each arrow, hop times, and what is down.

It is drawn twice, for wide and for narrow pages, and the style sheet shows one of them. A hidden list says the same in words.
"""

from __future__ import annotations

from dashboard.components import diagram_words as say
from dashboard.components.diagram_layout import NARROW, WIDE, Box, ContainerName, Layout, Line
from dashboard.components.markup import Html, join, tag
from dashboard.i18n import _, number
from dashboard.view_models.diagram import Arrow, ArrowName, Diagram, NodeName, Outage

TABLES: dict[NodeName, ContainerName] = {
    "commission": "database",
    "outbox": "database",
    "inbox": "worker",
    "notification": "worker",
}
"""Node → the container in which it is drawn as a table."""
DOWN_OF: dict[NodeName, str] = {"capture": "capture", "topic": "broker", "audit": "audit"}
"""Node → the component that is down when it is."""
CYLINDER = "M0 3 A6.5 3 0 0 1 13 3 V13 A6.5 3 0 0 1 0 13 Z M0 3 A6.5 3 0 0 0 13 3"
ORDER: tuple[ArrowName, ...] = ("commit", "capture", "publish", "receive", "audit")
COUNT_PX, WORD_PX = 12, 7
"""Width of a character of a count, and of what stands after it, at most."""
TRAVEL_S = 0.45
"""Seconds from arrow to arrow: the style sheet lets an event travel along each for as long."""


def diagram(model: Diagram) -> Html:
    sentences = tag("ul", join(tag("li", sentence) for sentence in say.sentences(model)), class_="sr")
    return tag("div", join([sentences, _svg(model, WIDE), _svg(model, NARROW)]), class_="diagram")


def _svg(model: Diagram, layout: Layout) -> Html:
    x, y = layout.caption
    parts = [
        *(_container(model, layout, name) for name in layout.containers),
        *(_arrow(model.arrows[name], layout.arrows[name], name) for name in ORDER),
        *(_node(model, layout, name) for name in layout.nodes),
        tag("text", say.caption(model), x=x, y=y, class_="small"),
    ]
    return tag(
        "svg",
        join(parts),
        class_=layout.name,
        viewBox=f"0 0 {layout.width:g} {layout.height:g}",
        aria_hidden="true",
        focusable="false",
    )


def _container(model: Diagram, layout: Layout, name: ContainerName) -> Html:
    """Draw a frame around two tables that are written in one transaction."""
    box, down = layout.containers[name], model.down.get(name)
    time = f" · {say.shown_time(model.persist)}" if name == "worker" and model.persist else ""
    parts = [
        _frame(box, 8),
        tag("text", say.container_title(name), x=box.middle_x, y=box.y + 21, class_="title"),
        tag("path", "", d=layout.braces[name], class_="brace"),
        tag("text", say.transaction() + time, x=box.middle_x, y=box.y + box.height - 10, class_="small accent"),
    ]
    if name == "worker":
        parts += [_exit(layout.nodes[node], box) for node in ("retry", "dead_letters")]
    else:
        parts.append(
            tag("path", "", d=CYLINDER, class_="cylinder", transform=f"translate({box.x + 12:g},{box.y + 8:g})")
        )
    if down:
        parts.append(_badge(box, down, layout))
    return tag("g", join(parts), class_="container down" if down else "container")


def _exit(pill: Box, box: Box) -> Html:
    """Draw the short line from the worker to where messages go that it cannot process."""
    x = min(max(pill.middle_x, box.x + 14), box.x + box.width - 14)
    return tag("line", "", x1=x, y1=box.y + box.height, x2=x, y2=pill.y, class_="exit")


def _node(model: Diagram, layout: Layout, name: NodeName) -> Html:
    box = layout.nodes[name]
    down = model.down.get(DOWN_OF.get(name, ""))
    count = number(model.counts[name])
    state = "surplus" if name in model.surplus else "down" if down else ""
    if state == "surplus":
        count = f"✕ {count}"
    text = say.label(name, model)
    parts = [tag("title", say.hint(name)), _frame(box, 14 if name in ("retry", "dead_letters", "topic") else 6)]
    if box.height < 40:  # side by side
        y = box.y + box.height / 2 + 5
        parts.append(tag("text", text, x=box.x + 12, y=y, class_="label start"))
        parts.append(tag("text", count, x=box.x + box.width - 12, y=y, class_="count end"))
    else:
        more = (
            _absorbed(model.absorbed, box.width - COUNT_PX * len(count)) if name == "inbox" and model.absorbed else ""
        )
        top = box.y + (box.height - 46) / 2
        parts.append(tag("text", text, x=box.middle_x, y=top + 18, class_="label"))
        counter = join([count, tag("tspan", more, class_="more")]) if more else count
        parts.append(tag("text", counter, x=box.middle_x, y=top + 39, class_="count"))
    if down:
        parts.append(_badge(box, down, layout))
    kinds = ("node", name, "table" if name in TABLES else "", "some" if model.counts[name] else "", state)
    return tag("g", join(parts), class_=" ".join(kind for kind in kinds if kind))


def _absorbed(n: int, room: float) -> str:
    """Return how many duplicates the inbox absorbed: with the word where there is room for it."""
    words = " +" + _("{n} absorbed").format(n=number(n))
    return words if WORD_PX * len(words) <= room else f" +{number(n)}"


def _frame(box: Box, radius: float) -> Html:
    return tag("rect", "", x=box.x, y=box.y, width=box.width, height=box.height, rx=radius)


def _badge(box: Box, down: Outage, layout: Layout) -> Html:
    """Draw the mark of an outage on the upper edge of a box."""
    text = say.outage(down)
    width = 7.4 * len(text) + 18
    middle = min(box.x + box.width * layout.badge, layout.width - width / 2 - 1)
    middle = max(middle, width / 2 + 1)
    pill = tag("rect", "", x=f"{middle - width / 2:.1f}", y=box.y - 16, width=f"{width:.1f}", height=22, rx=11)
    return tag("g", join([pill, tag("text", text, x=f"{middle:.1f}", y=box.y)]), class_="badge")


def _arrow(arrow: Arrow, line: Line, name: ArrowName) -> Html:
    across = line.y1 == line.y2
    start, end = (line.x1, line.x2) if across else (line.y1, line.y2)
    head = 11 if arrow.state != "flows" else 8
    if across:
        shaft = tag("line", "", x1=start, y1=line.y1, x2=end - head, y2=line.y2, class_="shaft")
        point = f"{end:g},{line.y1:g} {end - head:g},{line.y1 - head * 0.6:g} {end - head:g},{line.y1 + head * 0.6:g}"
    else:
        shaft = tag("line", "", x1=line.x1, y1=start, x2=line.x2, y2=end - head, class_="shaft")
        point = f"{line.x1:g},{end:g} {line.x1 - head * 0.6:g},{end - head:g} {line.x1 + head * 0.6:g},{end - head:g}"
    parts = [shaft, tag("polygon", "", points=point), *_words_at(arrow, line, across), _traveller(arrow, line, name)]
    return tag("g", join(parts), class_=f"arrow {name} {arrow.state}")


def _words_at(arrow: Arrow, line: Line, across: bool) -> list[Html]:
    """Write what waits above the arrow and its median time below it; on a narrow page to its right and left."""
    time = say.shown_time(arrow.time) if arrow.time else ""
    waiting, word = number(arrow.waiting), say.waiting_word(arrow)
    if arrow.state == "missing":
        waiting = f"✕ {waiting}"
    parts = []
    if across:
        # The arrows that leave a table cross the edge of its frame: the words stand outside.
        middle = (line.x1 + line.x2) / 2 + (4 if word else 0)
        if word:
            parts.append(tag("text", waiting, x=middle, y=line.y1 - 24, class_="waiting number"))
            parts.append(tag("text", word, x=middle, y=line.y1 - 9, class_="waiting small"))
        parts.append(tag("text", time, x=middle, y=line.y1 + 20, class_="small"))
    else:
        y = line.y2 - 18
        if word:
            both = join([tag("tspan", waiting, class_="number"), f" {word}"])
            parts.append(tag("text", both, x=line.x1 + 14, y=y, class_="waiting small start"))
        parts.append(tag("text", time, x=line.x1 - 14, y=y, class_="small end"))
    return parts


def _traveller(arrow: Arrow, line: Line, name: ArrowName) -> Html:
    """Draw the dot that travels once when its key is new to a page, that is, when more events have passed."""
    way = f"--x:{line.x2 - line.x1:g}px;--y:{line.y2 - line.y1:g}px;animation-delay:{ORDER.index(name) * TRAVEL_S:g}s"
    dot = tag("circle", "", cx=line.x1, cy=line.y1, r=5, style=way)
    return tag("g", dot, class_="traveller", data_key=f"passed-{arrow.passed}")
