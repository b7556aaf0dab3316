"""A gate that only observes: it lets through what it can record, and records what policy would have done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from components.archive.record import Submission
from components.link.codec import Held
from components.link.said import QUARANTINED
from policy.content.parse import PolicyError, parse_policy
from policy.facts import StanzaFacts, Way
from policy.rules import Rules
from tests.unit.gate.fakes import DIRECTORY, MALLORY, Bench, held, status

POLICY = """
[[rule]]
id = "tips"
kind = "lexicon"
action = "hold"
text = "A person reads this first."
terms.en = ["tip"]
must_match = ["a tip"]
must_not_match = ["tin"]

[[rule]]
id = "reply"
kind = "lexicon"
action = "warn"
text = "Mind the rules."
terms.en = ["mind"]
must_match = ["mind"]
must_not_match = ["tin"]
"""


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench(Rules(DIRECTORY, parse_policy(POLICY)), observes=True)
    bench.take(status(1, 1, 1))
    await bench.settle()
    yield bench
    bench.task.cancel()
    with suppress(asyncio.CancelledError):
        await bench.task


async def record(bench: Bench, *items: Held) -> list[Submission]:
    bench.take(*items)
    await bench.settle()
    return bench.log.submissions()


async def test_what_policy_refuses_holds_or_warns_of_goes_out_and_its_record_says_what_it_was(
    bench: Bench,
) -> None:
    recorded = await record(
        bench,
        held(1, to=MALLORY),
        held(2, text="a tip"),
        held(3, text="mind"),
        held(4, to=MALLORY, text="tip"),
    )
    assert [each.rules for each in recorded] == [
        ("would-refuse", "recipient-outside"),
        ("would-hold", "tips"),
        ("reply",),
        ("would-refuse", "recipient-outside", "tips"),
    ]
    assert {(each.action, each.error, each.amended) for each in recorded} == {("release", None, b"")}
    assert [decision for _, decision in bench.answers.answered().values()] == ["release"] * 4
    assert bench.gate.counters.refused == 0


async def test_what_could_not_be_read_is_refused_all_the_same(bench: Bench) -> None:
    facts = StanzaFacts(Way.C2S, "message", "", "", "")
    unread = [Held("metals.example", held(1).epoch, 1, "c1", b"<x/>", facts, problem=QUARANTINED)]
    unread.append(unread[0]._replace(seq=2, problem="ValueError"))
    recorded = await record(bench, *unread)
    assert [(each.action, each.rules) for each in recorded] == [
        ("refuse", ("quarantined",)), ("refuse", ("undecidable",)),
    ]  # fmt: skip


async def test_what_a_border_of_before_stopped_is_recorded_as_stopped(bench: Bench) -> None:
    (recorded,) = await record(bench, held(1, way=Way.SERVER)._replace(stopped=True))
    assert (recorded.action, recorded.rules) == ("refuse", ("border",))


async def test_what_is_said_again_after_a_break_is_answered_alike(bench: Bench) -> None:
    before = await record(bench, held(1, to=MALLORY))
    bench.reconnect(status(1, 1, 2), held(1, to=MALLORY))
    await bench.settle()
    assert bench.log.submissions() == before
    assert [decision for _, decision in bench.answers.answered().values()] == ["release"]


async def test_the_borders_that_the_adapter_is_told_stop_nothing(bench: Bench) -> None:
    told = [each for each in bench.answers.elements() if each.tag.endswith("}borders")]
    assert [each.get("open") for each in told] == ["true"]
    enforcing = Bench()
    enforcing.take(status(1, 1, 1))
    told = [each for each in enforcing.answers.elements() if each.tag.endswith("}borders")]
    assert [each.get("open") for each in told] == [None]
    enforcing.task.cancel()


def test_no_rule_of_a_policy_may_look_like_a_mark() -> None:
    with pytest.raises(PolicyError, match="would-refuse"):
        parse_policy(POLICY.replace('"tips"', '"would-refuse"'))
