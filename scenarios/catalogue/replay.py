"""Everything from the beginning, once more."""

from __future__ import annotations

from scenarios import replay as replaying
from scenarios.model import Scenario
from scenarios.sources import SLOWEST_PER_S
from scenarios.trial import Trial

PAIRS = 40


def experiment(trial: Trial) -> None:
    for _ in range(PAIRS):
        trial.approve(trial.calculate().commission_id)
    trial.arrived(trial.acknowledged)
    trial.wait(lambda: trial.acknowledged <= trial.published().keys(), 20, "the observer saw every event")
    preview = replaying.preview(trial.settings)
    trial.say("note", f"{preview.events} events in {preview.messages} messages will be read again")
    found = replaying.replay(trial.settings, deadline_s=60 + preview.messages / SLOWEST_PER_S)
    trial.confirm(f"{found.deliveries} messages were read again", lambda: found.deliveries > 0)
    trial.check(
        "the preview was right", found.distinct_events >= preview.events, f"{found.distinct_events} events came"
    )
    trial.check("no new notification comes of it", found.new_notifications == 0, f"{found.new_notifications} came")
    trial.figures |= {
        "previewed": preview.events,
        "read_again": found.deliveries,
        "absorbed": found.duplicates_absorbed,
    }


SCENARIO = Scenario(
    name="replay",
    quality="Replay",
    hypothesis="Reading every event again from the beginning brings no new notification.",
    breaks="A fresh subscription reads every topic of events from its first message.",
    experiment=experiment,
    takes_s=10,
)
