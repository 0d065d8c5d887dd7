"""The source's schema history is lost, so that it fails at each start."""

from __future__ import annotations

from domain.message import Message
from scenarios import source_faults
from scenarios.model import Scenario
from scenarios.trial import Trial
from stacks.captures import capture_of


def experiment(trial: Trial) -> None:
    capture = capture_of(trial.settings)
    first_ids = source_faults.notify_first(trial)
    with trial.load() as load:

        def lose() -> None:
            with source_faults.paused_capture(trial):
                load.wait_for_more(40)
                capture.lose_history()

        with trial.injected(trial.capture_part, Message("fault.history"), lose):
            trial.confirm(
                Message("confirm.history_lost"),
                lambda: capture.examine().cause == "history_gone",
                60,
            )
        load.wait_for_more(20)
    source_faults.check_new_snapshot(trial, first_ids)


SCENARIO = Scenario(
    name="history-lost",
    quality="Schema history",
    hypothesis="A source without its schema history is named, takes a new snapshot, and loses nothing.",
    breaks="The topic (with Debezium Server, the file) of the source's schema history is deleted while the source is stopped and commands are sent.",
    experiment=experiment,
    stacks=("native",),
    takes_s=40,
)
