"""What a model tells of a sentence, and the names of the models there are."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol


class Topic(StrEnum):
    """What a sentence is about; the order is that of a model's scores."""

    BUSINESS = "business"
    PRIVATE = "private"
    OFF_CHANNEL = "off-channel"


class ModelName(StrEnum):
    """A model: counts of character sequences, or a sentence embedding (the extra `topic`)."""

    NGRAM = "ngram"
    E5 = "e5"


Scores = tuple[float, ...]
"""How likely a sentence is about each topic, in the order of `Topic`; together 1."""


class SentenceModel(Protocol):
    """Tells topics; the same sentence always gets the same scores."""

    def score(self, sentences: Sequence[str]) -> list[Scores]:
        """Return the scores of each sentence by itself."""
        ...


class ModelError(Exception):
    """A model cannot be loaded; the message says what to install."""


ModelLoader = Callable[[ModelName], SentenceModel]
"""Gives a model of this name; raises ModelError."""
