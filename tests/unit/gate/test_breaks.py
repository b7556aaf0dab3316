"""The link ends over what the gate says: who is found, however many others stand around it (gate protocol, 5.6)."""

import pytest
from lxml import etree

from components.gate import deciding
from components.gate.breaks import LinkBreaks
from policy.decision import Action, Decision, Edit, release
from policy.facts import StanzaFacts
from tests.unit.gate.fakes import EPOCH, Answers, Bench, held, status

BAD = Decision(Action.AMEND, ("r",), amended=b"<message>bad</message>", edits=(Edit(0, 0, "x"),))
GOOD = Decision(Action.AMEND, ("r",), amended=b"<message>good</message>", edits=(Edit(0, 0, "x"),))


class BreakingServer:
    """An adapter whose server ends the stream over any verdict that has a bad amendment in it."""

    def __init__(self, bench: Bench, last: int) -> None:
        self.bench = bench
        self.first, self.last = 1, last
        self.bad: frozenset[int] = frozenset()
        self.given_back: list[int] = []

    async def connect(self, number: int) -> bool:
        """Submit what has no verdict, and take verdicts until one breaks the stream; return whether one did."""
        answers = Answers()
        self.bench.gate.disconnected()
        self.bench.gate.connected(answers.write)
        seqs = range(self.first, self.last + 1)
        self.bench.take(
            status(number, self.first, self.last + 1, done=self.first - 1),
            *(held(seq, text=self.text(seq)) for seq in seqs),
        )
        await self.bench.settle()
        for verdict in answers.elements():
            if b"bad" in etree.tostring(verdict):
                self.bench.gate.broken()
                return True
            if verdict.get("through"):
                self.first = int(verdict.get("through", "")) + 1
                self.given_back += [
                    int(each.get("seq", "")) for each in verdict if str(each.tag).endswith("}bounce")
                ]
        return False

    def text(self, seq: int) -> str:
        """Return what is said: every other one is amended."""
        return "bad" if seq in self.bad else "good" if seq % 2 else "plain"


@pytest.fixture
def amending(monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(_directory: object, facts: StanzaFacts, *_: object) -> Decision:
        return {"bad": BAD, "good": GOOD}.get(facts.text, release())

    monkeypatch.setattr(deciding, "decide", decide)


@pytest.mark.sources
@pytest.mark.usefixtures("amending")
@pytest.mark.parametrize("bad", [{1}, {4}, {7}, {12}, {3, 4}, {5, 11}])
async def test_each_that_breaks_it_is_given_back_alone(bench: Bench, bad: set[int]) -> None:
    server = BreakingServer(bench, 12)
    server.bad = frozenset(bad)
    broken = 0
    while await server.connect(broken + 1):
        broken += 1
        assert broken <= 2 * len(bad)
    assert server.given_back == sorted(bad)
    assert server.first == 13
    # What was decided stays the decision that is recorded, once.
    assert sorted(bench.log.seqs()) == list(range(1, 13))


def test_a_minute_later_it_is_another_matter() -> None:
    now = [1000.0]
    breaks = LinkBreaks(clock_s=lambda: now[0])
    for number in range(3):
        breaks.broken(EPOCH, ["t1"])
        assert breaks.is_careful
        breaks.resumed(status(number + 1, 5 + number, 9))
        now[0] += 61
        assert not breaks.is_careful
    assert not breaks.is_injection_blamed("t1")
    assert not any(breaks.is_blamed(EPOCH, seq) for seq in range(10))


@pytest.mark.parametrize("after", [status(2, 9, 9), status(2, 5, 9, epoch="another")])
def test_nothing_is_laid_to_what_is_not_there_any_more(after: object) -> None:
    breaks = LinkBreaks()
    for _ in range(3):
        breaks.broken(EPOCH, [])
        breaks.resumed(after)  # type: ignore[arg-type]
    assert not any(breaks.is_blamed(epoch, seq) for seq in range(10) for epoch in (EPOCH, "another"))


async def test_a_release_is_given_back_to_nobody(bench: Bench) -> None:
    """It is not named in a verdict, so it cannot have ended the link."""
    server = BreakingServer(bench, 3)
    for number in range(3):
        assert not await server.connect(number + 1)
        bench.gate.broken()
        server.first = 1
    assert not server.given_back
