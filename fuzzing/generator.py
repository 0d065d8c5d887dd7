"""Which input stands at which number. Pure: the same seed and number make the same input, in whatever order."""

from __future__ import annotations

from random import Random

from fuzzing import message_generator, request_generator, row_generator
from fuzzing.inputs import Input, Tag

GOOD_SHARE = 0.1
"""Of the inputs, how many are in order: by them it is seen that the pipeline goes on."""

_GOOD = ((0.5, request_generator.good), (0.3, message_generator.good_command), (0.2, row_generator.good))
_HOSTILE = (
    (0.58, request_generator.hostile_request),
    (0.18, message_generator.hostile_command),
    (0.18, message_generator.hostile_event),
    (0.06, row_generator.hostile_row),
)


def make(seed: int, run: str, number: int) -> Input:
    """The input. `run` is part of its ids only, so that the same inputs can be sent to one instance twice."""
    random = Random(f"{seed}-{number}")  # a text is hashed the same in every process
    tag = Tag(run, number)
    # The first ones are good: there must be a commission before anything can refer to one.
    choices = _GOOD if number < 3 or random.random() < GOOD_SHARE else _HOSTILE
    if number == 0:
        return request_generator.calculate(random, tag)
    (maker,) = random.choices([maker for _, maker in choices], [weight for weight, _ in choices])
    return maker(random, tag)
