"""What is shipped is what training gives, and what the page says of it is what is measured."""

import base64
import json
from typing import Any

import pytest

from components.rules.topic_models import load_model
from policy.topic.model import ModelName, Topic
from tests.topic.document import PAGE
from tests.topic.examples import LANGUAGES, read_examples
from tests.topic.measure import measure
from tests.topic.train import WEIGHTS, train

pytestmark = pytest.mark.slow


def shipped(name: ModelName) -> dict[str, Any]:
    weights: dict[str, Any] = json.loads((WEIGHTS / f"{name}.json").read_text())
    return weights


def test_the_shipped_weights_are_those_of_the_training_set() -> None:
    """The last digits are the processor's, so that they may differ by one step."""
    trained, kept = train(ModelName.NGRAM, read_examples("train")), shipped(ModelName.NGRAM)
    assert trained["bias"] == pytest.approx(kept["bias"], abs=1e-3)
    assert trained["scale"] == pytest.approx(kept["scale"], rel=1e-4)
    packed = (base64.b85decode(each["weights"]) for each in (trained, kept))
    assert max(abs(one - other) for one, other in zip(*packed, strict=True)) <= 1


def test_no_sentence_and_no_group_is_in_both_sets() -> None:
    sets = [read_examples(which) for which in ("train", "held-out")]
    for key in ("sentence", "group"):
        one, other = ({(each.language, getattr(each, key).casefold()) for each in found} for found in sets)
        assert not one & other
    for found in sets:
        assert len({(each.language, each.sentence) for each in found}) == len(found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_the_figures_of_the_shipped_model(language: str) -> None:
    found = measure(load_model(ModelName.NGRAM), read_examples("held-out", (language,)))
    cells = " | ".join(f"{each.precision:.2f} / {each.recall:.2f}" for each in found.qualities)
    assert f"| {found.accuracy:.0%} | {cells} |" in PAGE.read_text()


def test_both_models_are_far_better_than_chance() -> None:
    examples = read_examples("held-out", ("en",)) + read_examples("held-out", ("zh",))
    for name, least in ((ModelName.NGRAM, 0.7), (ModelName.E5, 0.8)):
        some = examples[:: 1 if name is ModelName.NGRAM else 4]
        assert measure(load_model(name), some).accuracy > least
    assert {each.topic for each in examples} == set(Topic)
