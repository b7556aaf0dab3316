"""The model of character sequences: hashed into a table of weights, in plain Python."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from policy.content.fold import fold
from policy.topic.linear import to_scores
from policy.topic.model import Scores

BUCKETS = 32_768
ZERO = 128
LENGTHS = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class NgramModel:
    """Logistic regression over which sequences of 1 to 4 characters a sentence has.

    `weights` has a row of BUCKETS bytes for each topic; each, less ZERO, times `scale` is a weight.
    `bias` is per topic.
    """

    weights: tuple[bytes, ...]
    scale: float
    bias: tuple[float, ...]

    def score(self, sentences: Sequence[str]) -> list[Scores]:
        """Return the scores of each sentence by itself."""
        return [self._score(sentence) for sentence in sentences]

    def _score(self, sentence: str) -> Scores:
        buckets = find_buckets(sentence)
        zero = ZERO * len(buckets)
        factor = self.scale / math.sqrt(len(buckets))
        sums = [
            bias + factor * (sum(map(row.__getitem__, buckets)) - zero)
            for bias, row in zip(self.bias, self.weights, strict=True)
        ]
        return to_scores(sums)


def find_buckets(sentence: str) -> set[int]:
    """Return the places in the table of all sequences of a sentence: folded, without case, digits alike."""
    text = f" {_normalize(sentence)} "
    data = text.encode("utf-32-le", "replace")  # four bytes a character, whatever the script
    size = len(data)
    return {
        crc32(data[start : start + 4 * length]) % BUCKETS
        for length in LENGTHS
        for start in range(0, size - 4 * length + 1, 4)
    }


_DIGITS = str.maketrans("123456789", "000000000")


def _normalize(sentence: str) -> str:
    return fold(sentence).casefold().translate(_DIGITS)
