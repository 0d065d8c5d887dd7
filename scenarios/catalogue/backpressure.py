"""A slow consumer does not slow its producer."""

from __future__ import annotations

from scenarios.model import Scenario
from scenarios.statistics import percentiles
from scenarios.trial import Trial

BURST = 200
DELAY_MS = 15.0
MARGIN_MS = 5.0
"""Two bursts on a small machine differ by themselves."""


def experiment(trial: Trial) -> None:
    usual = _burst(trial, "a burst at the usual speed")
    trial.arrived(trial.acknowledged)
    # On a machine whose commands are slow the worker has to be slower still, or nothing piles up.
    delay_ms = max(DELAY_MS, round(2 * usual["p50"], 1))
    with trial.slowed(delay_ms):
        slowed = _burst(trial, "the same burst at a slowed worker")
        trial.confirm("the backlog rose", lambda: _backlog(trial) > BURST / 10, 5)
        peak = _backlog(trial)
        trial.pause(1)
    trial.arrived(trial.acknowledged, 60)
    trial.say("recovered", "the backlog is back to zero")
    trial.check("the backlog returns to zero", _backlog(trial) == 0, f"{peak} events at its peak")
    calm, busy = usual["p50"], slowed["p50"]
    trial.check("commands are not slowed", busy <= 2 * calm + MARGIN_MS, f"p50 {calm:.1f} ms, then {busy:.1f} ms")
    trial.figures |= {"commands_ms": {"usual": usual, "slowed": slowed}, "peak_backlog": peak}
    trial.figures["notifications_per_s_slowed"] = round(1000 / delay_ms, 1)


def _burst(trial: Trial, what: str) -> dict[str, float]:
    """As fast as one client can; how long each command took."""
    sent = 0
    with trial.load(per_second=0) as load:
        trial.say("load", what)
        load.grows(BURST)
        sent = len(load.sent)
    return percentiles([each.ms for each in load.sent[:sent]])


def _backlog(trial: Trial) -> int:
    return len(trial.committed()) - len(trial.notified())


SCENARIO = Scenario(
    name="backpressure",
    quality="Backpressure",
    hypothesis="A burst at a slow worker piles up in the broker, slows no command, and drains to zero.",
    breaks=f"The worker takes at least {DELAY_MS:g} ms more for each event while commands come as fast as they can.",
    experiment=experiment,
    takes_s=15,
)
