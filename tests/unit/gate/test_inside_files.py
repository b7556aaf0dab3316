"""A rule about files decides on a message that has one inside, and its record names the rule."""

import base64

import pytest

from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Rule, Uploads
from policy.rules import Rules
from tests.unit.gate.fakes import DIRECTORY, Bench, held

PICTURE = f"data:image/png;base64,{base64.b64encode(bytes(range(99))).decode()}"


@pytest.mark.parametrize(
    ("action", "verdict"),
    [(ContentAction.FLAG, "release"), (ContentAction.HOLD, "hold"), (ContentAction.REFUSE, "refuse")],
)
async def test_a_file_inside_a_message_decides_on_it(
    connected: Bench, action: ContentAction, verdict: str
) -> None:
    rule = Rule("no-pictures", action, "Not here.", Uploads(types=("image/*",)))
    connected.take(held(1, text=PICTURE))
    await connected.settle()
    connected.gate.use(Rules(DIRECTORY, ContentPolicy((rule,))))
    connected.take(held(2, text=PICTURE), held(3))
    await connected.settle()
    decided = {each.seq: (each.action, each.rules) for each in connected.log.submissions()}
    assert decided == {1: ("release", ()), 2: (verdict, ("no-pictures",)), 3: ("release", ())}
