"""Held messages when anything fails at any time: what was released arrives once, and nothing else ever does."""

import pytest

from components.gate import service
from policy.review import Stage
from tests.support.review_model import Model

SEEDS = range(60)
STEPS = 120


@pytest.mark.slow
@pytest.mark.fuzz
async def test_what_is_released_arrives_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_RETRY_MIN_S", 0.0)
    monkeypatch.setattr(service, "_RETRY_MAX_S", 0.0)
    arrived = uncertain = 0
    for seed in SEEDS:
        model = Model(seed)
        for _ in range(STEPS):
            await model.step()
        await model.come_to_rest()
        arrived_now, uncertain_now = check(model, f"seed {seed}")
        arrived, uncertain = arrived + arrived_now, uncertain + uncertain_now
    assert arrived > 250 and uncertain > 0, "the model hardly does anything"


def check(model: Model, seed: str) -> tuple[int, int]:
    doubtful = {
        text for text in model.said for item in model.queue.items
        if item.stage is Stage.UNCERTAIN and f"<body>{text}</body>".encode() in item.stanza
    }  # fmt: skip
    assert model.server_crashes or not doubtful, seed
    for text in model.said:
        count = model.server.arrived[text]
        assert count <= 1, f"{seed}: {text} arrived {count} times"
        if text in model.refused or text in model.server.given_back:
            assert count == 0, f"{seed}: {text} arrived, and its sender was told that it would not"
        elif text in model.released and text not in doubtful:
            assert count == 1, f"{seed}: {text} was released and never arrived"
        elif text not in model.lost and text not in doubtful:
            raise AssertionError(f"{seed}: {text} was forgotten")
    left = [item for item in model.queue.items if item.stage is not Stage.UNCERTAIN]
    assert not left, f"{seed}: {left}"
    return sum(model.server.arrived[text] for text in model.said), len(doubtful)
