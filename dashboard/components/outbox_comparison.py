"""Render the comparison with and without an outbox: the two ways of an event, their counters and curves, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from dashboard.components import run_stages
from dashboard.components.markup import Html, join, tag
from dashboard.components.scenario_card import verdict
from dashboard.i18n import _, number
from dashboard.view_models.outbox_comparison import STAGES, Comparison, Point, Side, Stage
from dashboard.view_models.stages import State

WIDTH, HEIGHT = 1000.0, 200.0
SideName = Literal["without", "outbox"]
COLOUR: dict[SideName, str] = {"without": "bad", "outbox": "ok"}


def stepper(comparison: Comparison) -> Html:
    """Render the stages of a run with the one that it has reached, and the verdict at the end."""
    stage = comparison.stage
    names = {
        "load": _("Send commands"),
        "down": _("Broker killed"),
        "back": _("Broker back"),
        "count": _("Count"),
        "done": _("Verdict"),
    }
    reached = STAGES.index(stage)
    items = []
    for place, name in enumerate(STAGES):
        is_over = place < reached or stage == "done"
        state: State = "done" if is_over else "current" if place == reached else "ahead"
        items.append(run_stages.draw_stage(names[name], state))
    if comparison.verdict:
        items.append(tag("li", verdict(comparison.verdict)))
    return tag("ol", join(items), class_="stages")


def progress(comparison: Comparison, takes_s: float) -> Html:
    """Render how long a run under way has lasted, of about `takes_s`; empty for a finished run."""
    if comparison.stage == "done":
        return Html("")
    share = min(100.0, 100 * comparison.elapsed_s / takes_s)
    sentence = _("{s} s of about {n} s").format(s=number(comparison.elapsed_s), n=number(takes_s))
    meter = tag("div", tag("div", "", style=f"width:{share:.0f}%"), class_="meter")
    return join([tag("span", sentence, class_="soft mono"), meter])


def conclusion(comparison: Comparison) -> Html:
    """Render what the run showed, in one sentence for each side, and the reason of the difference."""
    without_outbox, with_outbox = comparison.without, comparison.outbox
    sentences = [
        _("Without an outbox: {n} of {m} events lost.").format(
            n=number(without_outbox.lost), m=number(without_outbox.last.committed)
        ),
        _("With an outbox: {n} of {m} lost.").format(n=number(with_outbox.lost), m=number(with_outbox.last.committed)),
    ]
    shades = [_shade(without_outbox, True), _shade(with_outbox, True)]
    paragraphs = join(
        tag("strong", sentence + " ", class_=shade) for sentence, shade in zip(sentences, shades, strict=True)
    )
    why = _(
        "Without an outbox, the state is committed and its event is published afterwards. While the broker is down that fails, and nobody knows of the event any more. With an outbox the event is a row, committed in the transaction of the state: it waits there until the broker is back."
    )
    return join([tag("p", paragraphs, class_="verdict-line conclusion", role="status"), tag("p", why)])


def side(name: SideName, comparison: Comparison) -> Html:
    """Render one side: the way of an event, three counters, and the two curves that part."""
    drawn_side = comparison.without if name == "without" else comparison.outbox
    broken = comparison.stage == "down"
    parts = [_way(name, broken), _counters(drawn_side, comparison.stage), _chart(name, comparison)]
    if drawn_side.lost_ids:
        ids = join(tag("li", event_id, class_="mono") for event_id in drawn_side.lost_ids)
        parts.append(tag("details", join([tag("summary", _("The first events that were lost")), tag("ul", ids)])))
    return tag("div", join(parts), class_="side")


def _way(name: SideName, broken: bool) -> Html:
    first = {"without": _("commit the state"), "outbox": _("commit the state and its event, in one transaction")}[name]
    last = {"without": _("publish the event"), "outbox": _("the relay or source publishes the event")}[name]
    steps = [tag("li", first)]
    if broken:
        failing = {"without": _("fails, and nobody repeats it"), "outbox": _("waits, and is repeated")}[name]
        shade = "bad" if name == "without" else "warn"
        steps.append(tag("li", join([last, ": ", tag("b", failing, class_=shade)])))
    else:
        steps.append(tag("li", last))
    return tag("ol", join(steps), class_="way")


def _counters(drawn_side: Side, stage: Stage) -> Html:
    is_over = stage == "done"
    missing, label = (drawn_side.lost, _("lost")) if is_over else (drawn_side.missing, _("not arrived yet"))
    cells = (
        (number(drawn_side.last.committed), _("committed"), ""),
        (number(drawn_side.last.arrived), _("arrived at Pulsar"), ""),
        (number(missing), label, _shade(drawn_side, is_over)),
    )
    return tag(
        "div",
        join(
            tag("div", join([tag("b", value, class_=shade or None), tag("span", text, class_="soft")]))
            for value, text, shade in cells
        ),
        class_="counts",
    )


def _shade(drawn_side: Side, is_over: bool) -> str:
    """Return the colour of what is missing: amber while it may still arrive, red when it is lost."""
    if not is_over:
        return "warn" if drawn_side.missing else "soft"
    return "warn" if drawn_side.lost is None else "bad" if drawn_side.lost else "ok"


def _chart(name: SideName, comparison: Comparison) -> Html:
    """Draw committed and arrived over time on the scales of both sides; the outage is shaded."""
    drawn_side = comparison.without if name == "without" else comparison.outbox
    if len(drawn_side.points) < 2:
        return Html("")
    last_s = comparison.span_s
    most = max(1, *(each_side.last.committed for each_side in (comparison.without, comparison.outbox)))

    def x(at_s: float) -> float:
        return WIDTH * min(1.0, at_s / last_s)

    def y(count: float) -> float:
        return HEIGHT * (1 - count / most)

    committed = _steps(drawn_side.points, lambda point: point.committed, x, y)
    arrived = _steps(drawn_side.points, lambda point: point.arrived, x, y)
    back = _steps(tuple(reversed(drawn_side.points)), lambda point: point.arrived, x, y)
    shapes = [
        tag("path", "", d=f"{committed} L{back[1:]} Z", class_=f"gap {_shade(drawn_side, comparison.stage == 'done')}")
    ]
    label: object = ""
    if comparison.outage is not None:
        begin, end = comparison.outage
        left, right = x(begin), x(comparison.elapsed_s if end is None else end)
        shapes.insert(
            0,
            tag("rect", "", x=f"{left:.1f}", y="0", width=f"{right - left:.1f}", height=f"{HEIGHT:g}", class_="outage"),
        )
        label = tag(
            "span", _("broker down"), class_="outage-label", style=f"left:min({left / WIDTH * 100:.1f}%, 100% - 6rem)"
        )
    shapes += [
        tag("path", "", d=committed, class_="committed"),
        tag("path", "", d=arrived, class_=f"arrived {COLOUR[name]}"),
    ]
    described = _("Over {s} s: {n} committed, {m} arrived at Pulsar.").format(
        s=number(last_s), n=number(drawn_side.last.committed), m=number(drawn_side.last.arrived)
    )
    drawing = _svg(join(shapes), described)
    scale = join(
        [
            label,
            tag("span", number(most), class_="top"),
            tag("span", "0 s", class_="start"),
            tag("span", f"{number(last_s)} s", class_="end"),
        ]
    )
    return tag("div", join([tag("div", join([drawing, scale]), class_="plot"), _legend(name)]))


def _svg(shapes: Html, described: str) -> Html:
    box = f"0 0 {WIDTH:g} {HEIGHT:g}"
    return tag("svg", shapes, viewBox=box, preserveAspectRatio="none", role="img", aria_label=described)


def _legend(name: SideName) -> Html:
    names = join(
        [
            tag("span", join([tag("i", "", class_="committed"), _("committed")])),
            tag("span", join([tag("i", "", class_=f"arrived {COLOUR[name]}"), _("arrived at Pulsar")])),
        ]
    )
    return tag("p", names, class_="legend")


def _steps(
    points: Sequence[Point],
    count: Callable[[Point], int],
    x: Callable[[float], float],
    y: Callable[[float], float],
) -> str:
    return "M" + " L".join(f"{x(point.at_s):.1f} {y(count(point)):.1f}" for point in points)
