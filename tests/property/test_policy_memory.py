"""What must hold of rates and topics whatever is said, and whenever."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from components.rules.topic_models import load_model
from policy.content.memory import RuleMemory
from policy.content.policy import ContentPolicy
from policy.content.rate import SLICES, RateCounter
from policy.content.rule import ContentAction, Counted, Rate, Rule, Topics
from policy.facts import StanzaFacts, Way
from policy.topic.model import ModelName, Topic
from tests.support.rounds import examples
from tests.unit.policy.samples import ALICE, BOB, GEORGE, ROOM

S = 1_000_000_000

rates = st.builds(Rate, st.sampled_from(Counted), st.integers(0, 6), st.sampled_from([1, 60, 3_600]))
# (who, to whom, bytes, how long after the one before in ms)
said = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 9), st.integers(0, 90_000)),
    max_size=40,
)


def timed(calls: list[tuple[str, str, int, int]]) -> list[tuple[str, str, int, int]]:
    at_ns, found = 0, []
    for sender, to, size, later_ms in calls:
        at_ns += later_ms * 1_000_000
        found.append((sender, to, size, at_ns))
    return found


def amount(rate: Rate, calls: list[tuple[str, str, int, int]], window_ns: int) -> int:
    """What the sender of the last one has said in a window that ends with it."""
    sender, _, _, now_ns = calls[-1]
    within = [call for call in calls if call[0] == sender and call[3] > now_ns - window_ns]
    match rate.counted:
        case Counted.MESSAGES:
            return len(within)
        case Counted.BYTES:
            return sum(size for _, _, size, _ in within)
        case Counted.RECIPIENTS:
            return len({to for _, to, _, _ in within})


@given(rates, said)
def test_a_rate_is_exact_but_for_one_step(rate: Rate, calls: list[tuple[str, str, int, int]]) -> None:
    counter = RateCounter(rate)
    window_ns = rate.window_s * S
    step_ns = window_ns // SLICES
    for number, call in enumerate(timed(calls), start=1):
        exceeded = counter.exceeds(*call)
        before = timed(calls)[:number]
        if amount(rate, before, window_ns) > rate.more_than:
            assert exceeded
        if amount(rate, before, window_ns + step_ns + 1) <= rate.more_than:
            assert not exceeded


@given(rates, st.lists(st.tuples(st.sampled_from("ab"), st.integers(-(10**12), 10**12)), max_size=40))
def test_no_clock_breaks_a_rate(rate: Rate, calls: list[tuple[str, int]]) -> None:
    one, other = RateCounter(rate), RateCounter(rate)
    for sender, at_ns in calls:
        assert one.exceeds(sender, "x", 1, at_ns) == other.exceeds(sender, "x", 1, at_ns)
    assert len(one) <= 2


@given(rates, st.integers(1, 5), said)
def test_a_stricter_rate_lets_nothing_more_through(
    rate: Rate, less: int, calls: list[tuple[str, str, int, int]]
) -> None:
    lax, strict = (
        RateCounter(rate),
        RateCounter(Rate(rate.counted, max(0, rate.more_than - less), rate.window_s)),
    )
    for call in timed(calls):
        assert lax.exceeds(*call) <= strict.exceeds(*call)


facts = st.builds(
    StanzaFacts,
    way=st.sampled_from(Way),
    kind=st.sampled_from(["message", "presence", "iq"]),
    type=st.sampled_from(["", "chat", "groupchat", "error"]),
    sender=st.sampled_from([ALICE, GEORGE, ""]),
    to=st.sampled_from([BOB, ROOM, f"{ROOM}/x", ""]),
    text=st.text(max_size=20)
    | st.sampled_from(["see you on WhatsApp", "周末有什么安排？", "9410 USD/t\udc00"]),
)
matched: Any = rates | st.builds(
    Topics,
    st.just((Topic.OFF_CHANNEL, Topic.PRIVATE)),
    st.sampled_from([0.1, 0.5, 0.9]),
    st.integers(1, 4),
    st.just(ModelName.NGRAM),
)


@examples(60)
@given(st.lists(matched, max_size=3), matched, st.lists(facts, max_size=12))
def test_rules_remember_each_for_itself(what: list[Any], more: Any, calls: list[StanzaFacts]) -> None:
    """Adding a rule changes nothing for the others, and the same calls always give the same answers."""
    few = ContentPolicy(tuple(Rule(f"r{n}", ContentAction.HOLD, "No.", each) for n, each in enumerate(what)))
    many = ContentPolicy((*few.rules, Rule("added", ContentAction.HOLD, "No.", more)))
    memories = [RuleMemory(load_model) for _ in range(3)]
    for number, each in enumerate(calls):
        one = memories[0].observe(few, each, number * S)
        assert memories[1].observe(few, each, number * S) == one
        assert memories[2].observe(many, each, number * S) - {"added"} == one
