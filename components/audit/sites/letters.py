"""Compares what one site's archive says it sent to another with what the other's says it received; pure.

A message that a gate lets go carries a receipt, which names its record (gate protocol, 4.2). So each message that
arrives says of which record it is. Presence and requests carry none: `steelyard audit reconcile` counts these at each
site by the server's numbers.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Fate(StrEnum):
    """What the sender's archive says of a message: carried out, given back to its sender, or nothing."""

    CARRIED_OUT = "carried-out"
    BOUNCED = "bounced"
    OPEN = "open"
    UNKNOWN = "unknown"


class Sent(NamedTuple):
    """A message that a site let go: its record's number, when, from whom, to whom, and a digest of what it says.

    `sender` and `to` are bare addresses; `to` is a person or room of the other site, or else a room of this one. An
    error names it by `id`, that of the stanza.
    """

    number: int
    at_ns: int
    sender: str
    to: str
    digest: bytes
    fate: Fate
    id: str = ""


class Received(NamedTuple):
    """A message of the other site's that a site recorded.

    `receipt` is the number of its record at the other site, as it says itself, None if it says none. `to` is the whole
    address. What a server or a room made by itself is no letter of a person: `is_made`. What was refused or kept here
    has the fate of what came back.
    """

    number: int
    at_ns: int
    sender: str
    to: str
    digest: bytes
    receipt: int | None
    is_made: bool
    fate: Fate = Fate.CARRIED_OUT


class Verdict(StrEnum):
    """What does not agree between two archives. The first five are findings; for the others there are reasons."""

    LOST = "lost"
    UNSENT = "unsent"
    DIFFERENT = "different"
    TWICE = "twice"
    RETURNED_TOO = "returned-too"
    ON_ITS_WAY = "on-its-way"
    UNKNOWN = "unknown"
    DESTROYED = "destroyed"


FINDINGS = (Verdict.LOST, Verdict.UNSENT, Verdict.DIFFERENT, Verdict.TWICE, Verdict.RETURNED_TOO)


class Difference(NamedTuple):
    """What does not agree: the record of the site that sent, that of the one that received, or both."""

    verdict: Verdict
    sent: int | None
    received: int | None


@dataclass(frozen=True, slots=True)
class Book:
    """What a site's log says of its messages to another site, and of the other's to it.

    `sent` has by their numbers all messages that it let go, also those to rooms of its own, which pass them on; of
    those `outgoing` went to the other site. `size` is how many records were read, `destroyed` are the numbers and times
    of those that are gone. `newest_ns` is the time of its newest record. `errors` came from the other site: from whom,
    to whom, about which id.
    """

    sent: Mapping[int, Sent]
    outgoing: Sequence[int]
    received: Sequence[Received]
    size: int
    newest_ns: int
    destroyed: Mapping[int, int] = field(default_factory=dict)
    errors: frozenset[tuple[str, str, str]] = frozenset()

    def has_back(self, sent: Sent) -> bool:
        """Return whether a message came back to its sender, from this server or from the other one.

        The other server answers with an error, and has no record, where its gate is silent or its window full.
        """
        is_refused = bool(sent.id) and (sent.to, sent.sender, sent.id) in self.errors
        return is_refused or sent.fate is Fate.BOUNCED


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two archives agree about one direction: how many messages were sent, arrived, or came back instead.

    `relayed` arrived from rooms, and `made` by servers and rooms themselves, without a receipt.
    """

    sent: int
    arrived: int
    returned: int
    relayed: int
    made: int
    differences: tuple[Difference, ...]

    @property
    def findings(self) -> int:
        """How many differences there is no reason for."""
        return sum(each.verdict in FINDINGS for each in self.differences)


def compare_books(sender: Book, recipient: Book, grace_ns: int) -> Comparison:
    """Compare what one site sent with what another received of it.

    What was sent within `grace_ns` of the newest record of the other archive may still be on its way.
    """
    arrived: dict[int, list[Received]] = {}
    differences = list[Difference]()
    for letter in recipient.received:
        if letter.receipt is not None and letter.receipt in sender.sent:
            arrived.setdefault(letter.receipt, []).append(letter)
        elif letter.receipt is not None or not letter.is_made:
            verdict = _find_unsent(sender, letter, grace_ns)
            differences.append(Difference(verdict, letter.receipt, letter.number))
    for number, letters in arrived.items():
        differences += _find_different(sender.sent[number], letters)
    outgoing = set(sender.outgoing)
    differences += _find_returned_too(sender, arrived)
    differences += _find_missing(sender, outgoing - arrived.keys(), recipient, grace_ns)
    return Comparison(
        len(outgoing),
        len(outgoing & arrived.keys()),
        sum(sender.has_back(sender.sent[number]) for number in outgoing - arrived.keys()),
        sum(len(letters) for number, letters in arrived.items() if number not in outgoing),
        sum(letter.receipt is None and letter.is_made for letter in recipient.received),
        tuple(sorted(differences, key=_order)),
    )


def _find_unsent(sender: Book, letter: Received, grace_ns: int) -> Verdict:
    """Return what is to be said of a message of which the other site has no record, as far as it was read."""
    if letter.receipt is None:
        return Verdict.UNSENT
    if letter.receipt in sender.destroyed:
        return Verdict.DESTROYED
    # The sender's log was read earlier, or is a copy that is behind.
    is_later = letter.receipt >= sender.size and letter.at_ns > sender.newest_ns - grace_ns
    return Verdict.ON_ITS_WAY if is_later else Verdict.UNSENT


def _find_different(sent: Sent, letters: Sequence[Received]) -> Iterable[Difference]:
    """Yield what arrived otherwise than it was sent, and what arrived more than once at one address.

    A room says what was said in it again, to each who comes in (XEP-0045, 7.2.14).
    """
    seen = set[str]()
    for letter in letters:
        # A person's own words come from them to whom they wrote; a room's from the room, to each who is in it.
        is_direct = (letter.sender, _bare(letter.to)) == (sent.sender, sent.to)
        if not (is_direct or letter.sender == sent.to) or letter.digest != sent.digest:
            yield Difference(Verdict.DIFFERENT, sent.number, letter.number)
        elif is_direct and letter.to in seen:
            yield Difference(Verdict.TWICE, sent.number, letter.number)
        seen.add(letter.to)


def _find_returned_too(sender: Book, arrived: Mapping[int, Sequence[Received]]) -> Iterable[Difference]:
    """Yield what the other site carried out, though this one gave it back to its sender; or nobody knows whether.

    What the other one only recorded, and did not carry out either, is as it should be.
    """
    for number in sender.outgoing:
        letters = arrived.get(number, ())
        if sender.sent[number].fate is not Fate.BOUNCED or all(each.fate is Fate.BOUNCED for each in letters):
            continue
        is_sure = any(each.fate is Fate.CARRIED_OUT for each in letters)
        yield Difference(Verdict.RETURNED_TOO if is_sure else Verdict.UNKNOWN, number, letters[0].number)


def _find_missing(
    sender: Book, numbers: Iterable[int], recipient: Book, grace_ns: int
) -> Iterable[Difference]:
    """Yield what is to be said of messages of which the other site has no record, and that did not come back."""
    gone_ns = sorted(recipient.destroyed.values())
    for number in numbers:
        sent = sender.sent[number]
        if sender.has_back(sent):
            continue
        may_be_gone = bisect_left(gone_ns, sent.at_ns - grace_ns) < bisect_right(
            gone_ns, sent.at_ns + grace_ns
        )
        if sent.fate is Fate.OPEN or sent.at_ns > recipient.newest_ns - grace_ns:
            verdict = Verdict.ON_ITS_WAY
        elif may_be_gone:
            verdict = Verdict.DESTROYED
        else:
            verdict = Verdict.UNKNOWN if sent.fate is Fate.UNKNOWN else Verdict.LOST
        yield Difference(verdict, number, None)


def _bare(address: str) -> str:
    return address.partition("/")[0]


def _order(difference: Difference) -> tuple[int, int, int]:
    number = -1 if difference.sent is None else difference.sent
    return (list(Verdict).index(difference.verdict), number, difference.received or -1)
