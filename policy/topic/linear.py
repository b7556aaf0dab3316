"""Softmax over weighted sums: how scores come out of what a sentence has."""

import math
from collections.abc import Sequence

from policy.topic.model import Scores


def to_scores(sums: Sequence[float]) -> Scores:
    """Return one sum for each topic as scores that are together 1 (softmax)."""
    top = max(sums)
    powers = [math.exp(each - top) for each in sums]
    whole = sum(powers)
    return tuple(power / whole for power in powers)
