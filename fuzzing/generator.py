"""Generate the input of a number. This module is pure: the same seed and number give the same input, in any order."""

from __future__ import annotations

from random import Random

from fuzzing import message_generator, request_generator, row_generator
from fuzzing.inputs import Input, Tag

GOOD_SHARE = 0.1
"""Share of good inputs, which show that the pipeline still makes progress."""

_GOOD = ((0.5, request_generator.good_request), (0.3, message_generator.good_command), (0.2, row_generator.good_row))
_HOSTILE = (
    (0.58, request_generator.hostile_request),
    (0.18, message_generator.hostile_command),
    (0.18, message_generator.hostile_event),
    (0.06, row_generator.hostile_row),
)


def generate_input(seed: int, run: str, number: int) -> Input:
    """Return the input. `run` changes its ids only, so that one instance can receive the same inputs twice."""
    random = Random(f"{seed}-{number}")  # unlike a tuple, a text seeds equally in every process
    tag = Tag(run, number)
    # The first inputs are good, because later ones refer to an existing commission.
    choices = _GOOD if number < 3 or random.random() < GOOD_SHARE else _HOSTILE
    if number == 0:
        return request_generator.calculate(random, tag)
    (generate,) = random.choices([generate for _, generate in choices], [weight for weight, _ in choices])
    return generate(random, tag)
