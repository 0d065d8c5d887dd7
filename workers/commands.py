"""Run the optional consumer of commands, which sends JSON messages of the topic `commands` to the handlers of the API.

A command may be delivered twice. The domain makes that harmless: a second calculation is refused as a duplicate and a second
approval changes nothing; both are acknowledged. A command that can never succeed, or fails too often, is dead-lettered.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pulsar

from application import Application
from application.permissions import Action, Caller, refusal
from connectors.broker import Broker, Publisher, Received, Subscription
from db.engine import connect
from db.failures import MessageFailures
from domain.errors import ConcurrentChange, DuplicateConversion, Refusal
from settings import Settings
from workers import handling, policy
from workers.command_message import Malformed as Malformed
from workers.command_message import parse as parse
from workers.consumer import Consumer, Inlet
from workers.dead_letters import Outlet
from workers.handling import Handling
from workers.heartbeat import Heartbeat
from workers.inbox import Inbox
from workers.outcome import Ack, DeadLetter, Outcome, Retry
from workers.process import run

log = logging.getLogger(__name__)

BATCH = 50


def handle(application: Application, message: Received) -> Outcome:
    """Handle one command and return its outcome. Raise nothing: `workers.policy` decides what an exception means."""
    try:
        command = parse(message.value)
    except Malformed as error:
        return DeadLetter("malformed_command", str(error))
    except MemoryError as error:
        return policy.judge(error)
    except Exception as error:  # parsing depends on the message only, so a retry would fail too
        return DeadLetter("malformed_command", policy.describe(error))
    reason = refusal(application.settings, Action.ISSUE_COMMANDS, Caller.API)
    if reason is not None:
        return DeadLetter("refused", reason)
    try:
        application.send(command)
    except ConcurrentChange as error:
        return Retry(str(error))
    except DuplicateConversion as error:
        if error.differing:
            return DeadLetter("refused", str(error))  # not a redelivery but another command for the same conversion
        log.info("the command was delivered again and changes nothing: %s", error)
        return Ack("duplicate")
    except Refusal as error:
        return DeadLetter("refused", str(error))
    except Exception as error:
        return policy.judge(error)
    return Ack("applied")


class CommandsWorker(Consumer):
    """Handles commands one at a time, in order of arrival. One that fails delays the others by less than a second."""

    def __init__(
        self,
        application: Application,
        inbox: Inbox,
        inlet: Inlet,
        dead_letters: Outlet,
        stop: threading.Event,
        beat: Callable[[], None] = lambda: None,
        handling: Handling | None = None,
        waiting: AbstractContextManager[None] | None = None,
    ) -> None:
        super().__init__(inbox, inlet, dead_letters, stop, beat, handling, waiting)
        self._application = application
        self.reached_us = time.time_ns() // 1000
        """When the newest message that was processed was published; at first, when this worker started."""

    def step(self, timeout_s: float) -> None:
        for group in self._groups(self._inlet.receive(BATCH, timeout_s)):
            for message in group:
                self._beat()
                self._handle_alone(message)
                self.reached_us = max(self.reached_us, message.publish_us)

    def _take(self, group: list[Received]) -> None:
        for message in group:
            deaths = self._handling.fatal_deaths(message)
            if deaths:
                self._dead_letter_message(message, None, policy.give_up_after_deaths(deaths), deaths)
            else:
                self._settle(message)

    def _settle(self, message: Received) -> None:
        while not self._stop.is_set():
            with self._waiting:
                outcome = handle(self._application, message)
            if isinstance(outcome, Ack):
                self._inlet.acknowledge([message])
                self._handling.finish([message])
                return
            pause_s = self._pause(message, None, outcome)
            if pause_s is None:
                return
            log.warning("command %s failed, trying again: %s", message.message_id, outcome.detail)
            self._pause_for(pause_s)


def main(settings: Settings, stop: threading.Event) -> None:
    broker = Broker(settings)
    consumer = os.environ.get("ALPES_PART", "commands")
    subscription = Subscription(
        broker,
        [settings.topics.commands],
        settings.commands_subscription,
        consumer_type=pulsar.ConsumerType.Shared,
        consumer_name=consumer,
        queue_size=100,
    )
    dead_letters = Publisher(broker, settings.topics.dead_letter)
    engine = connect(settings.worker_url)
    inbox = Inbox(engine, consumer)
    application = Application(settings, pool_size=1)
    heart = Heartbeat(settings, consumer)
    work = handling.open_for_component(settings, consumer, MessageFailures(engine), [settings.topics.commands])
    worker = CommandsWorker(
        application,
        inbox,
        subscription,
        dead_letters,
        stop,
        beat=lambda: heart.beat(subscription.connected, worker.busy, worker.reached_us),
        handling=work,
        waiting=heart.waiting,
    )
    heart.beat(False)  # the process runs, but is not connected yet
    try:
        worker.run()
        work.close()  # not in `finally`: when an exception ends the process, the message in work is the suspect
    finally:
        subscription.close()
        dead_letters.close()
        application.close()
        inbox.close()
        engine.dispose()


if __name__ == "__main__":
    run("commands", main)
