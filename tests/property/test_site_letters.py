"""Two archives compared: honest ones agree whatever happened on the way, and each lie or loss is named, alone."""

from dataclasses import dataclass, replace
from enum import Enum, auto

from hypothesis import given
from hypothesis import strategies as st

from components.audit.sites.letters import (
    FINDINGS,
    Book,
    Comparison,
    Difference,
    Fate,
    Received,
    Sent,
    Verdict,
    compare_books,
)

GRACE_NS = 100
OLD_NS, NEWEST_NS = 1_000, 10_000
ALICE, BOB, ROOM = "alice@a.example", "bob@b.example", "pit@rooms.a.example"


class Way(Enum):
    """What became of a message between the two sites."""

    ARRIVED = auto()
    RETURNED = auto()
    REFUSED = auto()
    RETURNED_BY_BOTH = auto()
    LATE = auto()
    UNCLEAR = auto()
    RETURNED_MAYBE = auto()
    OPEN = auto()
    TO_A_ROOM = auto()
    SAID_AGAIN = auto()
    LOST = auto()
    ALTERED = auto()
    REDIRECTED = auto()
    DOUBLED = auto()
    RETURNED_TOO = auto()


HONEST = (
    Way.ARRIVED,
    Way.RETURNED,
    Way.REFUSED,
    Way.SAID_AGAIN,
    Way.LATE,
    Way.UNCLEAR,
    Way.OPEN,
    Way.TO_A_ROOM,
)
WRONG = {
    Way.LOST: Verdict.LOST,
    Way.ALTERED: Verdict.DIFFERENT,
    Way.REDIRECTED: Verdict.DIFFERENT,
    Way.DOUBLED: Verdict.TWICE,
    Way.RETURNED_TOO: Verdict.RETURNED_TOO,
}
FATES = {
    Way.RETURNED: Fate.BOUNCED,
    Way.RETURNED_TOO: Fate.BOUNCED,
    Way.RETURNED_BY_BOTH: Fate.BOUNCED,
    Way.RETURNED_MAYBE: Fate.BOUNCED,
    Way.UNCLEAR: Fate.UNKNOWN,
    Way.OPEN: Fate.OPEN,
}
UNCLEAR = (Way.UNCLEAR, Way.RETURNED_MAYBE)
CAME = (Way.ARRIVED, Way.RETURNED_BY_BOTH, Way.RETURNED_MAYBE)
ROOMS = (Way.TO_A_ROOM, Way.SAID_AGAIN)
NEVER_CAME = (Way.RETURNED, Way.REFUSED, Way.LATE, Way.UNCLEAR, Way.OPEN, Way.LOST)


@dataclass(frozen=True)
class Line:
    """What both archives hold after some messages went these ways."""

    sender: Book
    recipient: Book

    @classmethod
    def after(cls, ways: list[Way]) -> "Line":
        sent, received = dict[int, Sent](), list[Received]()
        for number, way in enumerate(ways):
            at_ns = NEWEST_NS - 1 if way is Way.LATE else OLD_NS
            to = ROOM if way in ROOMS else BOB
            letter = Sent(number, at_ns, ALICE, to, b"said", FATES.get(way, Fate.CARRIED_OUT), f"i{number}")
            sent[number] = letter
            received += cls._deliver(letter, way, len(received))
        outgoing = [number for number, each in sent.items() if each.to == BOB]
        errors = frozenset((BOB, ALICE, f"i{n}") for n, way in enumerate(ways) if way is Way.REFUSED)
        books = (
            Book(sent, outgoing, (), len(ways), NEWEST_NS, errors=errors),
            Book({}, (), tuple(received), len(received), NEWEST_NS),
        )
        return cls(*books)

    @staticmethod
    def _deliver(sent: Sent, way: Way, first: int) -> list[Received]:
        if way in NEVER_CAME:
            return []
        came = Received(first, sent.at_ns + 1, ALICE, f"{BOB}/phone", b"said", sent.number, is_made=False)
        match way:
            case Way.TO_A_ROOM:
                heard = came._replace(sender=ROOM)
                return [heard, heard._replace(number=first + 1, to="carol@b.example/x")]
            case Way.SAID_AGAIN:
                heard = came._replace(sender=ROOM)
                return [heard, heard._replace(number=first + 1)]
            case Way.RETURNED_BY_BOTH:
                return [came._replace(fate=Fate.BOUNCED)]
            case Way.RETURNED_MAYBE:
                return [came._replace(fate=Fate.UNKNOWN)]
            case Way.ALTERED:
                return [came._replace(digest=b"else")]
            case Way.REDIRECTED:
                return [came._replace(to="dora@b.example")]
            case Way.DOUBLED:
                return [came, came._replace(number=first + 1)]
        return [came]

    def compare(self) -> Comparison:
        return compare_books(self.sender, self.recipient, GRACE_NS)


@given(st.lists(st.sampled_from(HONEST)))
def test_honest_archives_agree_whatever_became_of_the_messages(ways: list[Way]) -> None:
    found = Line.after(ways).compare()
    assert found.findings == 0
    told = {each.sent: each.verdict for each in found.differences}
    late = {number: Verdict.ON_ITS_WAY for number, way in enumerate(ways) if way in (Way.LATE, Way.OPEN)}
    assert told == late | {n: Verdict.UNKNOWN for n, way in enumerate(ways) if way in UNCLEAR}
    rooms = sum(way in ROOMS for way in ways)
    assert (found.sent, found.relayed) == (len(ways) - rooms, 2 * rooms)
    back = sum(way in (Way.RETURNED, Way.REFUSED) for way in ways)
    assert (found.arrived, found.returned) == (sum(way in CAME for way in ways), back)


@given(st.lists(st.sampled_from(Way)))
def test_each_thing_that_is_wrong_is_named_and_nothing_else(ways: list[Way]) -> None:
    found = Line.after(ways).compare()
    named = sorted((each.sent, each.verdict) for each in found.differences if each.verdict in FINDINGS)
    assert named == [(number, WRONG[way]) for number, way in enumerate(ways) if way in WRONG]
    assert found.findings == len(named)


@given(st.lists(st.sampled_from(HONEST)), st.booleans())
def test_what_nobody_sent_is_named(ways: list[Way], has_receipt: bool) -> None:
    line = Line.after(ways)
    receipt = len(ways) + 7 if has_receipt else None
    forged = Received(99, OLD_NS, ALICE, BOB, b"forged", receipt, is_made=False)
    books = replace(line, recipient=replace(line.recipient, received=(*line.recipient.received, forged)))
    found = books.compare()
    named = [each for each in found.differences if each.verdict in FINDINGS]
    assert named == [Difference(Verdict.UNSENT, receipt, 99)]
    # What a server makes by itself has no receipt.
    made = replace(
        line, recipient=replace(line.recipient, received=(forged._replace(receipt=None, is_made=True),))
    )
    assert (made.compare().made, [d for d in made.compare().differences if d.received == 99]) == (1, [])


@given(st.lists(st.sampled_from([Way.ARRIVED, Way.LOST]), min_size=1))
def test_what_was_destroyed_is_no_finding(ways: list[Way]) -> None:
    line = Line.after(ways)
    gone_there = replace(line.recipient, received=(), destroyed={5: OLD_NS + GRACE_NS})
    found = replace(line, recipient=gone_there).compare()
    assert {each.verdict for each in found.differences} == {Verdict.DESTROYED}
    gone_here = Book({}, (), (), len(ways), NEWEST_NS, dict.fromkeys(range(len(ways)), OLD_NS))
    assert replace(line, sender=gone_here).compare().findings == 0


@given(st.lists(st.sampled_from(HONEST), min_size=1))
def test_a_copy_that_is_behind_accuses_nobody(ways: list[Way]) -> None:
    line = Line.after(ways)
    behind = replace(line.recipient, received=(), newest_ns=OLD_NS)
    assert replace(line, recipient=behind).compare().findings == 0
    ahead = Book({}, (), (), 0, OLD_NS - GRACE_NS)
    assert replace(line, sender=ahead).compare().findings == 0
