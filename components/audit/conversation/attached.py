"""What is attached to a message: reactions, receipts and markers, as a person counts them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from components.audit.conversation.item import Acknowledgement, Act, Reaction
from components.audit.conversation.names import Names
from components.audit.conversation.said import Said
from components.audit.marks import Mark

_ACKNOWLEDGES = (Mark.RECEIPT, Mark.MARKER)


@dataclass(slots=True)
class _Counted:
    by: dict[str, Act] = field(default_factory=dict)
    undone: list[Act] = field(default_factory=list)


def tell_act(said: Said, names: Names) -> Act:
    """Return who did what a record says, as an act."""
    marks = said.marks
    by = names.find(said.sender, said.at_ns)
    return Act(said.record, said.at_ns, by, marks.reason, marks.is_by_moderator, said.fate)


def find_reactions(records: Iterable[Said], names: Names) -> tuple[Reaction, ...]:
    """Count reactions by emoji: each record of a person replaces what they reacted with before (XEP-0444, 4.1)."""
    counted: dict[str, _Counted] = {}
    latest: dict[str, tuple[str, ...]] = {}
    for said in records:
        if said.marks.mark is not Mark.REACTION or said.fate.reached_nobody:
            continue
        act, before = tell_act(said, names), latest.get(said.author, ())
        for emoji in before:
            if emoji not in said.marks.emojis:
                del counted[emoji].by[said.author]
                counted[emoji].undone.append(act)
        for emoji in said.marks.emojis:
            counted.setdefault(emoji, _Counted()).by.setdefault(said.author, act)
        latest[said.author] = said.marks.emojis
    return tuple(
        Reaction(emoji, tuple(each.by.values()), tuple(each.undone)) for emoji, each in counted.items()
    )


def find_acknowledgements(records: Iterable[Said], names: Names) -> tuple[Acknowledgement, ...]:
    """Return the first receipt and marker of each kind from each person, in order; a message may acknowledge, too."""
    found: dict[tuple[str, str], Acknowledgement] = {}
    for said in records:
        if said.fate.reached_nobody:
            continue
        for how in _tell_how(said):
            found.setdefault((said.author, how), Acknowledgement(how, tell_act(said, names)))
    return tuple(found.values())


def _tell_how(said: Said) -> Iterator[str]:
    if said.marks.mark in _ACKNOWLEDGES:
        yield said.marks.detail or "received"
    for mark, _ in said.marks.also:
        if mark in _ACKNOWLEDGES:
            yield "received" if mark is Mark.RECEIPT else "displayed"
