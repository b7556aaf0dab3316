"""What a sender is told in a conversation with the line, whatever their client makes of an error."""

import pytest
from lxml import etree

from components.gate.review.claims import Claims
from components.gate.review.queue import ReviewQueue
from components.gate.submission import Answered
from policy.content.refusals import DIRECT_CALL, DIRECT_FILE, OMEMO
from policy.decision import Action, Decision, StanzaError, refuse
from policy.facts import StanzaFacts, Way
from policy.reach.affiliation import GATE_ADDRESS, NOTICE_UNACKNOWLEDGED, RECIPIENT_OUTSIDE
from tests.support.typed import require
from tests.unit.gate.fakes import ALICE, BOB, GATE, held

HOLD = Decision(Action.HOLD, ("tips",), StanzaError("wait", "policy-violation", "Held for review."))
CARD = refuse("card", "modify", "policy-violation", "No card numbers.")
OTHER = refuse("tone", "modify", "policy-violation", "Mind your tone.")
MESSAGE = StanzaFacts(Way.C2S, "message", "chat", ALICE, BOB)
IQ = MESSAGE._replace(kind="iq", type="set")
ROOM = "desk@rooms.metals.example"
NOTICE = f"notice@{GATE.jid}"


class Told:
    """A queue, and what it has for people."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self._queue = ReviewQueue(GATE.jid, clock_ns=lambda: int(self.now_s * 1e9))

    def keep(self, facts: StanzaFacts, decision: Decision, record: int = 1) -> None:
        """Have a stanza answered."""
        answer = Answered(held(record)._replace(facts=facts), decision, record)
        self._queue.keep(Claims(), [answer], [])

    def said(self) -> list[str]:
        """Give what was said, and see that it comes from the line."""
        stanzas = [etree.fromstring(each.stanza) for each in self._queue.items if each.way is Way.GATE]
        assert {each.get("from") for each in stanzas} <= {NOTICE}
        return [each.findtext("{jabber:client}body") or "" for each in stanzas]


@pytest.mark.parametrize(
    ("facts", "decision", "said"),
    [
        (MESSAGE, HOLD, f"Your message of 00:16 UTC to {BOB}: Held for review."),
        (MESSAGE, CARD, f"Your message of 00:16 UTC to {BOB}: not delivered. No card numbers."),
        (MESSAGE, OMEMO, f"Your message of 00:16 UTC to {BOB}: not delivered. {require(OMEMO.error).text}"),
        (
            MESSAGE._replace(type="groupchat", to=ROOM),
            CARD,
            f"Your message of 00:16 UTC to {ROOM}: not delivered. No card numbers.",
        ),
        # Clients show these as sent, and as ringing.
        (
            IQ,
            DIRECT_FILE,
            f"Your file of 00:16 UTC to {BOB}: not delivered. {require(DIRECT_FILE.error).text}",
        ),
        (
            MESSAGE,
            DIRECT_CALL,
            f"Your call of 00:16 UTC to {BOB}: not delivered. {require(DIRECT_CALL.error).text}",
        ),
        # What a client does by itself, and whom one may not reach, has its error alone.
        (IQ, OMEMO, None),
        (IQ, CARD, None),
        (MESSAGE, RECIPIENT_OUTSIDE, None),
        (MESSAGE, GATE_ADDRESS, None),
        (MESSAGE, NOTICE_UNACKNOWLEDGED, None),
        (MESSAGE._replace(type="error"), CARD, None),
        (MESSAGE._replace(way=Way.S2S), CARD, None),
        (MESSAGE._replace(way=Way.COMPONENT), HOLD, None),
    ],
)
def test_who_is_told_what(facts: StanzaFacts, decision: Decision, said: str | None) -> None:
    told = Told()
    told.keep(facts, decision)
    assert told.said() == ([said] if said else [])


def test_nobody_is_told_the_same_twice_within_a_minute() -> None:
    told = Told()
    told.keep(MESSAGE, CARD, 1)
    told.keep(MESSAGE, CARD, 1)  # as after a disk that was full
    told.keep(MESSAGE, CARD, 2)
    assert len(told.said()) == 1
    told.keep(MESSAGE, OTHER, 3)
    told.keep(MESSAGE._replace(sender="carol@metals.example/desk"), CARD, 4)
    assert len(told.said()) == 3
    told.now_s += 61
    told.keep(MESSAGE, CARD, 5)
    assert len(told.said()) == 4


def test_a_client_that_goes_on_and_on_is_told_once() -> None:
    """By any other session and to anybody else, too; each message has its error all the same."""
    told = Told()
    for record in range(1, 200):
        facts = MESSAGE._replace(sender=f"{ALICE.partition('/')[0]}/{record}", to=f"p{record}@metals.example")
        told.keep(facts, CARD, record)
        told.now_s += 0.01
    assert len(told.said()) == 1
