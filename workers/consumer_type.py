"""Choose how a notifications worker subscribes: the type of its consumer, and its consumer numbers."""

from __future__ import annotations

import pulsar

from application.components import find_component
from settings import Settings
from settings.stack_facts import BrokerKind


def choose_consumer_type(settings: Settings) -> pulsar.ConsumerType:
    """Return the type of a notifications worker: Key_Shared, which keeps the order of each commission with several workers.

    `pulsar-lite` 0.2.0 may hold back the messages of a killed Key_Shared consumer, so a single worker does not use it there.
    """
    alone = settings.facts.broker is BrokerKind.PULSAR_LITE and settings.workers == 1
    return choose_type_of_only_consumer(settings) if alone else pulsar.ConsumerType.KeyShared


def choose_type_of_only_consumer(settings: Settings) -> pulsar.ConsumerType:
    """Return the type of a subscription's only consumer: Exclusive where the broker delivers a message to it once.

    `pulsar-lite` 0.2.0 delivers some messages to an Exclusive consumer twice, without any fault. To the only consumer of a
    Shared subscription it delivers each once, and in order.
    """
    is_lite = settings.facts.broker is BrokerKind.PULSAR_LITE
    return pulsar.ConsumerType.Shared if is_lite else pulsar.ConsumerType.Exclusive


def first_consumer_number(settings: Settings, consumer: str) -> int:
    """Return the first of eight consumer numbers of a worker: one for each topic, one for all, and spare ones.

    Only `pulsar-lite` needs them; elsewhere the number is 0.
    """
    number = consumer.rpartition("-")[2]
    is_needed = settings.facts.broker is BrokerKind.PULSAR_LITE and find_component(consumer).is_numbered
    return 8 * (int(number) - 1) if is_needed and number.isdigit() else 0
