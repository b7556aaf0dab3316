"""Measures a model on sentences that it has not seen, whose groups it has not seen either."""

from collections.abc import Sequence
from dataclasses import dataclass

from policy.topic.model import SentenceModel, Topic
from tests.topic.examples import Example


@dataclass(frozen=True, slots=True)
class Quality:
    """How well one topic is told: of what was said to be it, and of what is it, how many are right."""

    topic: Topic
    examples: int
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one language, and what was told wrong."""

    accuracy: float
    qualities: tuple[Quality, ...]
    wrong: tuple[tuple[Example, Topic], ...]


def measure(model: SentenceModel, examples: Sequence[Example]) -> Measured:
    """Let a model tell the likeliest topic of each example."""
    topics = list(Topic)
    scores = model.score([each.sentence for each in examples])
    told = [topics[max(range(len(topics)), key=each.__getitem__)] for each in scores]
    pairs = list(zip(examples, told, strict=True))
    wrong = tuple((example, topic) for example, topic in pairs if example.topic is not topic)
    qualities = tuple(_measure_topic(topic, pairs) for topic in topics)
    return Measured(1 - len(wrong) / len(examples), qualities, wrong)


def _measure_topic(topic: Topic, pairs: Sequence[tuple[Example, Topic]]) -> Quality:
    right = sum(example.topic is told is topic for example, told in pairs)
    told_it = sum(told is topic for _, told in pairs)
    is_it = sum(example.topic is topic for example, _ in pairs)
    return Quality(topic, is_it, right / told_it if told_it else 0.0, right / is_it if is_it else 0.0)
