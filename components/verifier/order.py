"""Orders: the texts that two approvers sign (docs/archive-format.md, section 7)."""

import itertools
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ORDER_LINES = {
    "hold": ("segments", "conversations?", "indexes?"),
    "release": ("hold",),
    "expire": ("segments", "considered"),
    "erase": ("segments", "indexes", "considered", "keys*"),
}


@dataclass(frozen=True, slots=True)
class Order:
    """A valid order, at its `index` in the log.

    What its act has no line for (`ORDER_LINES`) is empty.
    """

    index: int
    id: str
    act: str
    segments: tuple[int, ...]
    conversations: frozenset[bytes]
    indexes: frozenset[int]
    hold: str
    considered: tuple[str, ...]
    keys: Mapping[int, str]

    @property
    def destroys(self) -> bool:
        """Return whether it leads to tombstones."""
        return self.act in ("expire", "erase")

    def holds(self, index: int, segment: int, conversation: bytes) -> bool:
        """Return whether this hold covers a record: one of `indexes`, else of its segments; or of a conversation."""
        named = index in self.indexes if self.indexes else segment in self.segments
        return named or conversation in self.conversations


class Holds:
    """Holds that are in force at one time."""

    def __init__(self, orders: Sequence[Order]) -> None:
        self._orders = orders
        by_segment = [order for order in orders if not order.indexes]
        self._segments = {segment for order in by_segment for segment in order.segments}
        self._indexes = sorted(index for order in orders for index in order.indexes)
        self._conversations = {each for order in orders for each in order.conversations}

    @property
    def ids(self) -> set[str]:
        """Return the ids of the orders."""
        return {order.id for order in self._orders}

    def find(self, index: int, segment: int, conversation: bytes) -> str | None:
        """Return the id of a hold on a record, or None."""
        for order in self._orders:
            if order.holds(index, segment, conversation):
                return order.id
        return None

    def touch(self, first: int, end: int, segments: set[int], conversations: Sequence[bytes]) -> bool:
        """Return whether any of these records may be held."""
        if not self._orders:
            return False
        place = bisect_left(self._indexes, first)
        return (
            not self._segments.isdisjoint(segments)
            or not self._conversations.isdisjoint(conversations)
            or (place < len(self._indexes) and self._indexes[place] < end)
        )


def parse_order(text: str, index: int, origin: str) -> Order:
    """Parse the text of an order; raises ValueError."""
    lines = _parse_lines(text, origin)
    named = dict(lines)
    act = named["act"]
    segments = _parse_ascending(named.get("segments", ""))
    indexes = _parse_ascending(named.get("indexes", ""))
    keys = _parse_keys([rest for word, rest in lines if word == "keys"])
    if act in ("expire", "erase") and not segments:
        raise ValueError("it names no segment")
    if act == "erase" and (not indexes or tuple(keys) != segments):
        raise ValueError("it names no record, or not the keys of just its segments")
    return Order(
        index,
        named["id"],
        act,
        segments,
        _parse_conversations(named.get("conversations")),
        frozenset(indexes),
        named.get("hold", ""),
        tuple(named.get("considered", "").split()),
        keys,
    )


def _parse_lines(text: str, origin: str) -> list[tuple[str, str]]:
    """Split an order into its lines as (word, rest), which must be those of its act; raises ValueError."""
    first, *lines = text.removesuffix("\n").split("\n")
    if first != "steelyard-order/1" or any(line.endswith(" ") for line in lines):
        raise ValueError("not an order")
    split = [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]
    head, words = dict(split[:3]), [word for word, _ in split]
    if words[:3] != ["log", "id", "act"] or head["act"] not in ORDER_LINES:
        raise ValueError("it does not begin with log, id and act")
    if head["log"] != origin or not re.fullmatch(r"\S+", head["id"]):
        raise ValueError("it is of another log, or has no id")
    expected = "".join(_line_pattern(name) for name in (*ORDER_LINES[head["act"]], "details"))
    if not re.fullmatch(expected, "".join(f"{word}\n" for word in words[3:])):
        raise ValueError(f"its lines are not those of this act ({head['act']})")
    if not re.fullmatch(r"[0-9a-f]{64}", dict(split)["details"]):
        raise ValueError("the digest of its details is none")
    return split


def _line_pattern(name: str) -> str:
    """Return the pattern of a line's word: may be absent with `?`, more than one with `*`."""
    return f"(?:{name[:-1]}\n){name[-1]}" if name[-1] in "?*" else f"{name}\n"


def _parse_conversations(text: str | None) -> frozenset[bytes]:
    """Parse keyed hashes, of which there are some if the line is there at all; raises ValueError."""
    hashes = text.split(" ") if text is not None else []
    if any(not re.fullmatch(r"[0-9a-f]{32}", each) for each in hashes):
        raise ValueError("a conversation is no keyed hash")
    return frozenset(map(bytes.fromhex, hashes))


def _parse_ascending(text: str) -> tuple[int, ...]:
    """Parse numbers with one space between; raises ValueError unless they ascend."""
    words = text.split(" ") if text else []
    if any(not re.fullmatch(r"0|[1-9][0-9]{0,18}", word) for word in words):
        raise ValueError("a number is none")
    numbers = tuple(map(int, words))
    if any(one >= next_ for one, next_ in itertools.pairwise(numbers)):
        raise ValueError("its numbers do not ascend")
    return numbers


def _parse_keys(lines: Sequence[str]) -> dict[int, str]:
    """Parse the lines of an erasure that name new envelopes; raises ValueError."""
    keys = {}
    for line in lines:
        match = re.fullmatch(r"([1-9][0-9]{0,9}) ([0-9a-f]{64})", line)
        if match is None or int(match[1]) in keys:
            raise ValueError("it names keys wrongly")
        keys[int(match[1])] = match[2]
    return keys
