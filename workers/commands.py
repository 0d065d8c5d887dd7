"""The optional consumer of commands: JSON on topic `commands` to the same handlers the API uses.

A command may come twice. The domain makes that harmless: a conversion calculated already is refused as a duplicate, an
approval changes nothing; both are acknowledged. What can never succeed goes to the dead-letter topic.
"""

from __future__ import annotations

import logging
import os
import threading

import pulsar

from application import Application
from connectors.broker import Broker, BrokerUnavailable, Publisher, Received, Subscription
from db.engine import connect
from db.errors import DatabaseUnavailable
from domain.errors import DuplicateConversion, Refusal
from settings import Settings
from workers.command_message import Malformed as Malformed
from workers.command_message import parse as parse
from workers.heartbeat import Heartbeat
from workers.inbox import Inbox
from workers.outcome import Ack, DeadLetter, Outcome, Retry
from workers.process import run

log = logging.getLogger(__name__)


def handle(application: Application, message: Received) -> Outcome:
    try:
        application.send(parse(message.value))
    except Malformed as error:
        return DeadLetter("malformed_command", str(error))
    except DuplicateConversion as error:
        if error.differing:
            return DeadLetter("refused", str(error))  # no redelivery: another command for the same conversion
        log.info("came again, changes nothing: %s", error)
        return Ack("duplicate")
    except Refusal as error:
        return DeadLetter("refused", str(error))
    except DatabaseUnavailable as error:
        return Retry(str(error))
    return Ack("applied")


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
    heart.beat(False)  # alive, and not let in yet
    try:
        while not stop.is_set():
            heart.beat(subscription.connected)
            for message in subscription.receive(50, 0.5):
                if _settle(message, application, inbox, dead_letters, stop):
                    subscription.acknowledge([message])
    finally:
        subscription.close()
        dead_letters.close()
        application.close()
        inbox.close()
        engine.dispose()


def _settle(
    message: Received, application: Application, inbox: Inbox, dead_letters: Publisher, stop: threading.Event
) -> bool:
    """Handle until there is an answer; whether the message is done with."""
    while not stop.is_set():
        outcome = handle(application, message)
        try:
            match outcome:
                case Ack():
                    return True
                case DeadLetter(reason, detail):
                    log.warning("dead-lettered command %s: %s: %s", message.message_id, reason, detail)
                    properties = {"alpes-reason": reason, "alpes-detail": detail[:500], "alpes-topic": message.topic}
                    dead_letters.send(message.value, message.key, properties)
                    inbox.bury(message, None, reason, detail, 1)
                    return True
                case Retry(detail):
                    log.warning("waiting to handle a command: %s", detail)
        except (BrokerUnavailable, DatabaseUnavailable) as error:
            log.warning("waiting: %s", error)
        stop.wait(0.2)
    return False


if __name__ == "__main__":
    run("commands", main)
