"""Rules that look at more than one stanza, at the gate."""

from policy.content.parse import parse_policy
from policy.rules import Rules
from tests.unit.gate.fakes import DIRECTORY, Bench, held, status
from tests.unit.policy.content.rules import write_rule

RATE = write_rule(
    "rate", kind="rate", count="messages", more_than=2, window_s=3_600, must_match=["3 in 60 s"]
)
TOPIC = write_rule(
    "off", "hold", kind="topic", topics=["off-channel"], messages=1, share=0.5, must_match=["x"]
)
E5 = TOPIC.replace('"off"', '"later"').replace("hold", "flag").replace("text = ", "# ") + 'model = "e5"\n'
RULES = Rules(DIRECTORY, parse_policy(RATE + TOPIC + E5))


def actions(bench: Bench) -> list[str]:
    return [action for _, action in bench.answers.answered().values()]


async def test_a_rate_is_decided_on_from_what_was_said_before(connected: Bench) -> None:
    connected.gate.use(RULES)
    connected.take(held(1), held(2))
    await connected.settle()
    connected.take(held(3), held(4, text=" "))
    await connected.settle()
    assert actions(connected) == ["release", "release", "refuse", "release"]


async def test_what_is_submitted_again_counts_once(connected: Bench) -> None:
    connected.gate.use(RULES)
    for number in range(2, 5):
        # A link that ends before anything is recorded.
        connected.take(held(1), held(2))
        connected.reconnect(status(number, 1, 3))
        await connected.settle()
    connected.take(held(1), held(2), held(3))
    await connected.settle()
    assert actions(connected) == ["release", "release", "refuse"]


async def test_a_server_that_was_started_again_numbers_anew(connected: Bench) -> None:
    connected.gate.use(RULES)
    connected.take(held(1), held(2))
    await connected.settle()
    connected.reconnect(status(2, 1, 1, epoch="another"), held(1, epoch="another"))
    await connected.settle()
    assert connected.log.submissions()[-1].action == "refuse"


async def test_a_topic_holds_and_one_that_flags_costs_nothing(connected: Bench) -> None:
    connected.gate.use(RULES)
    connected.take(held(1, text="let's take this to WhatsApp"), held(2, text="500 t of copper, CIF Hamburg"))
    await connected.settle()
    assert actions(connected) == ["keep", "release"]
    assert [each.rules for each in connected.log.submissions()] == [("off",), ()]
