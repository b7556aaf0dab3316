"""Which part of a conversation is read, and how its items are cut to that: pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from components.audit.conversation.assemble import Gathered, assemble
from components.audit.conversation.item import Item

DEFAULT_COUNT = 50


@dataclass(frozen=True, slots=True)
class Whole:
    """A conversation by its parties: people, or a room. Without a place in it, its newest items.

    `before` and `after` are ids of records: the items before the one, or after the other.
    """

    parties: tuple[str, ...]
    limit: int = DEFAULT_COUNT
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Around:
    """So many items before and after a record, in the conversation that it belongs to."""

    record_id: str
    before: int = 10
    after: int = 10


@dataclass(frozen=True, slots=True)
class During:
    """What parties said from a time on and before another (Unix, in nanoseconds): the newest items, if it is more."""

    parties: tuple[str, ...]
    from_ns: int
    until_ns: int
    limit: int


Part = Whole | Around | During
"""What may be read of a conversation."""


def describe_part(what: Part, seen_by: str, at_ns: int | None) -> str:
    """Return what is read, as the command line has it."""
    match what:
        case Whole(parties, limit, before, after):
            words = [*parties, f"--limit {limit}"]
            words += [f"--until {before}"] if before else []
            words += [f"--from {after}"] if after else []
        case Around(record_id, before_count, after_count):
            words = [record_id, f"--before {before_count}", f"--after {after_count}"]
        case During(parties, from_ns, until_ns, limit):
            words = [*parties, f"--limit {limit}", f"between {from_ns} and {until_ns}"]
    words += [f"--seen-by {seen_by}"] if seen_by else []
    words += [f"--at {at_ns}"] if at_ns is not None else []
    return " ".join(words)


def assemble_part(gathered: Gathered, what: Part, hit: int) -> tuple[tuple[Item, ...], tuple[bool, bool]]:
    """Make as many items as are wanted; return whether something was cut before and after.

    What changes a message that is cut off stands for itself, so cutting goes on until nothing more is cut.
    """
    cut = (False, False)
    while True:
        items = assemble(gathered)
        begin, end = _choose(items, what, hit)
        kept = items[begin:end]
        cut = (cut[0] or begin > 0, cut[1] or end < len(items))
        if len(kept) == len(items) or not kept:
            return kept, cut
        places = range(kept[0].place, kept[-1].place + 1)
        rest = [said for said in gathered.shown if said.place not in places]
        shown = [said for said in gathered.shown if said.place in places]
        gathered = replace(gathered, shown=shown, related=[*gathered.related, *rest])


def _choose(items: Sequence[Item], what: Part, hit: int) -> tuple[int, int]:
    """Return which items are kept: from the first of these numbers up to the second."""
    if isinstance(what, Whole) and what.after:
        return 0, what.limit
    if not isinstance(what, Around):
        return max(0, len(items) - what.limit), len(items)
    at = next((at for at, item in enumerate(items) if item.place >= hit), len(items) - 1)
    return max(0, at - what.before), at + 1 + what.after
