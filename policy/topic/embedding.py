"""The classifier over a sentence's embedding."""

from collections.abc import Sequence
from dataclasses import dataclass

from policy.topic.linear import to_scores
from policy.topic.model import Scores


@dataclass(frozen=True, slots=True)
class EmbeddingClassifier:
    """Logistic regression over an embedding; `weights` has a row for each topic, as long as an embedding."""

    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]

    def score(self, embedding: Sequence[float]) -> Scores:
        """Return the scores of one embedding."""
        sums = [
            bias + sum(weight * value for weight, value in zip(row, embedding, strict=True))
            for bias, row in zip(self.bias, self.weights, strict=True)
        ]
        return to_scores(sums)
