"""A slow consumer does not slow its producer."""

from __future__ import annotations

from domain.message import Message
from scenarios.model import Scenario
from scenarios.percentiles import percentiles
from scenarios.trial import Trial

BURST = 200
DELAY_MS = 15.0
MARGIN_MS = 5.0
"""Allowed difference: two bursts on a small machine differ even without a fault."""


def experiment(trial: Trial) -> None:
    usual_ms = _measure_burst(trial, Message("load.burst"))
    trial.wait_until_notified(trial.acknowledged)
    # Where commands are slow, the worker must be even slower, or no backlog builds up.
    delay_ms = max(DELAY_MS, round(2 * usual_ms["p50"], 1))
    with trial.slowed(delay_ms):
        slowed_ms = _measure_burst(trial, Message("load.burst_slowed"))
        trial.confirm(Message("confirm.backlog_rose"), lambda: _count_backlog(trial) > BURST / 10, 5)
        peak_backlog = _count_backlog(trial)
        trial.pause(1)
    trial.wait_until_notified(trial.acknowledged, 60)
    trial.say("recovered", Message("run.backlog_gone"))
    peak = Message("detail.at_most", n=peak_backlog)
    trial.check(Message("check.backlog_gone"), _count_backlog(trial) == 0, peak)
    usual_p50, slowed_p50 = usual_ms["p50"], slowed_ms["p50"]
    trial.check(
        Message("check.commands_not_slowed"),
        slowed_p50 <= 2 * usual_p50 + MARGIN_MS,
        Message("detail.medians", a=round(usual_p50, 1), b=round(slowed_p50, 1)),
    )
    trial.figures |= {"commands_ms": {"usual": usual_ms, "slowed": slowed_ms}, "peak_backlog": peak_backlog}
    trial.figures["notifications_per_s_slowed"] = round(1000 / delay_ms, 1)


def _measure_burst(trial: Trial, description: Message) -> dict[str, float]:
    """Send commands as fast as one client can, and return the percentiles of their durations in milliseconds."""
    sent_count = 0
    with trial.load(per_second=0) as load:
        trial.say("load", description)
        load.wait_for_more(BURST)
        sent_count = len(load.sent)
    return percentiles([command.ms for command in load.sent[:sent_count]])


def _count_backlog(trial: Trial) -> int:
    return len(trial.committed()) - len(trial.notified())


SCENARIO = Scenario(
    name="backpressure",
    quality="Backpressure",
    hypothesis="A burst with a slow worker builds a backlog in the broker, slows no command, and drains to zero.",
    breaks=f"The worker takes at least {DELAY_MS:g} ms more for each event while commands are sent as fast as possible.",
    experiment=experiment,
    attribute="performance",
    takes_s=15,
)
