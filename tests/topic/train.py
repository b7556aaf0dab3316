"""Trains both models: the same sentences and numbers give the same weights."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.rules import topic_models
from components.rules.topic_models import embed, load_encoder
from policy.topic.model import ModelName, Topic
from policy.topic.ngram import BUCKETS, ZERO, find_buckets
from policy.topic.sentences import split_sentences
from tests.topic.examples import Example

WEIGHTS = Path(topic_models.__file__).parent / "topic_weights"
STEPS = 2_000
# Of 1e-5 to 3e-3, those with the least loss when the groups of the training set are left out in turns.
PENALTY = {ModelName.NGRAM: 1e-4, ModelName.E5: 3e-5}

Matrix = NDArray[np.float64]


def train(name: ModelName, examples: Sequence[Example]) -> dict[str, Any]:
    """Train a model, and return what its file of weights holds."""
    sentences = [" ".join(split_sentences(each.sentence)) or each.sentence for each in examples]
    topics = [list(Topic).index(each.topic) for each in examples]
    features = _ngrams(sentences) if name is ModelName.NGRAM else _embeddings(sentences)
    weights, bias = _fit(features, topics, PENALTY[name])
    described: dict[str, Any] = {"topics": list(Topic), "bias": [round(float(each), 4) for each in bias]}
    if name is ModelName.E5:
        return described | {"weights": [[round(float(each), 4) for each in row] for row in weights]}
    scale = float(np.abs(weights).max()) / 127
    small = (np.rint(weights / scale) + ZERO).astype(np.uint8)
    return described | {"scale": scale, "weights": base64.b85encode(small.tobytes()).decode()}


def write_weights(name: ModelName, weights: dict[str, Any]) -> None:
    """Put weights where they are shipped."""
    (WEIGHTS / f"{name}.json").write_text(json.dumps(weights) + "\n", encoding="utf-8")


def _ngrams(sentences: Sequence[str]) -> Matrix:
    features = np.zeros((len(sentences), BUCKETS))
    for row, sentence in enumerate(sentences):
        buckets = sorted(find_buckets(sentence))
        features[row, buckets] = 1 / np.sqrt(len(buckets))
    return features


def _embeddings(sentences: Sequence[str]) -> Matrix:
    return np.array(embed(load_encoder(), sentences))


def _fit(features: Matrix, topics: Sequence[int], penalty: float) -> tuple[Matrix, Matrix]:
    """Fit softmax regression by accelerated gradient descent; every topic weighs the same.

    The weights are sums of the examples' features: so the descent is in as many numbers as there are examples.
    """
    products = features @ features.T
    wanted = np.eye(len(Topic))[list(topics)]
    balance = (len(topics) / len(Topic) / wanted.sum(axis=0))[list(topics)][:, None]
    rate = 1 / (0.5 * np.linalg.eigvalsh(products)[-1] * balance.max() / len(topics) + penalty)
    parts = ahead = np.zeros_like(wanted)
    bias = bias_ahead = np.zeros(len(Topic))
    for step in range(1, STEPS + 1):
        sums = products @ ahead + bias_ahead
        powers = np.exp(sums - sums.max(axis=1, keepdims=True))
        errors = balance * (powers / powers.sum(axis=1, keepdims=True) - wanted) / len(topics)
        next_parts = ahead - rate * (errors + penalty * ahead)
        next_bias = bias_ahead - errors.sum(axis=0)
        momentum = step / (step + 3)
        ahead = next_parts + momentum * (next_parts - parts)
        bias_ahead = next_bias + momentum * (next_bias - bias)
        parts, bias = next_parts, next_bias
    return (features.T @ parts).T, bias
