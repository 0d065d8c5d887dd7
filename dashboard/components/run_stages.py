"""Render how far a run is: its stages as steps, the seconds that passed, and about how many are left."""

from __future__ import annotations

from dashboard.components.markup import Html, join, tag
from dashboard.i18n import _, number
from dashboard.view_models.stages import Progress, Stage, State

SIGNS = {"done": "✓", "current": "●", "ahead": "○"}


def stages(progress: Progress) -> Html:
    return tag("ol", join(_stage(stage) for stage in progress.stages), class_="stages")


def times(progress: Progress) -> str:
    """Return the sentence about the time: elapsed, and left."""
    elapsed = _("running for {s} s").format(s=number(progress.elapsed_s))
    if progress.remaining_s is None:
        return elapsed
    if progress.remaining_s < 1:
        longer = _("a bit longer than usual")
        return f"{elapsed} · {longer}"
    left = _("about {s} s left").format(s=number(progress.remaining_s))
    return f"{elapsed} · {left}"


def _stage(stage: Stage) -> Html:
    names = {
        "load": _("Load"),
        "fault": _("Fault"),
        "recovery": _("Recovery"),
        "counting": _("Counting"),
        "verdict": _("Verdict"),
    }
    took = "" if stage.took_s is None else f" {number(stage.took_s)} s"
    # A stage that a scenario without a fault does not have is passed, and has no time.
    is_missing = stage.state == "done" and stage.took_s is None
    return draw_stage(names[stage.name], stage.state, took, "–" if is_missing else "")


def draw_stage(name: str, state: State, took: str = "", sign: str = "") -> Html:
    """Render one stage of a list of the class `stages`; `sign` stands for the one that its state has."""
    parts = [tag("span", sign or SIGNS[state], class_="sign", aria_hidden="true"), name]
    body = join([*parts, tag("span", took, class_="soft")] if took else parts)
    return tag("li", body, class_=state, aria_current="step" if state == "current" else None)
