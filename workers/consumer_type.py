"""Choose how a notifications worker subscribes: the type of its consumer, and its consumer numbers."""

from __future__ import annotations

import pulsar

from application.components import find_component
from settings import Settings
from settings.stack_facts import BrokerKind


def choose_consumer_type(settings: Settings) -> pulsar.ConsumerType:
    """Return Key_Shared, which keeps the order of each commission with several workers.

    `pulsar-lite` 0.2.0 may hold back the messages of a killed Key_Shared consumer, so a single worker there is Exclusive.
    """
    alone = settings.facts.broker is BrokerKind.PULSAR_LITE and settings.workers == 1
    return pulsar.ConsumerType.Exclusive if alone else pulsar.ConsumerType.KeyShared


def first_consumer_number(settings: Settings, consumer: str) -> int:
    """Return the first of eight consumer numbers of a worker: one for each topic, one for all, and spare ones.

    Only `pulsar-lite` needs them; elsewhere the number is 0.
    """
    number = consumer.rpartition("-")[2]
    is_needed = settings.facts.broker is BrokerKind.PULSAR_LITE and find_component(consumer).is_numbered
    return 8 * (int(number) - 1) if is_needed and number.isdigit() else 0
