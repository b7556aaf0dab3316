"""How the records of a conversation name each other: which message one corrects, retracts, reacts to or answers."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from components.audit.conversation.item import Fate
from components.audit.conversation.said import Said
from components.audit.index.talk import Turn, fold_bare, own_ids
from components.audit.marks import Mark
from policy.facts import Way

_LONGEST_CHAIN = 100  # of corrections of corrections
_OF_ONES_OWN = (Mark.CORRECTION, Mark.RETRACTION)
_OF_OTHERS = (Mark.RECEIPT, Mark.MARKER)

NOT_FOUND = "the log has no earlier message with this id in this conversation"
OF_SOMEBODY_ELSE = "it names a message of somebody else: clients ignore it"


@dataclass(frozen=True, slots=True)
class Link:
    """The message that a record is about; None, with a remark, if there is none or it may not be changed so."""

    message: Said | None
    remark: str = ""
    named: Said | None = None


class Links:
    """The links among some records."""

    def __init__(self, records: Iterable[Said]) -> None:
        by_place = {each.place: each for each in sorted(records, key=lambda each: each.place)}
        self.records = list(by_place.values())
        # A record's own id is that of its receipt (gate protocol, 4.2). Who guesses it may give it to another message.
        self._by_record = {each.record: [each] for each in self.records if _is_said(each)}
        self._by_id: defaultdict[str, list[Said]] = defaultdict(list)
        self._by_target: defaultdict[int, list[Said]] = defaultdict(list)
        for said in self.records:
            if _is_said(said):
                for id_ in set(own_ids(said.marks)):
                    self._by_id[id_].append(said)
        self._naming: defaultdict[int, list[Said]] = defaultdict(list)
        self._found = {said.place: self._find(said) for said in self.records if said.marks.target}
        for said in self.records:
            self._note_named(said)
        for place, link in self._found.items():
            if link.message is not None:
                self._by_target[link.message.place].append(by_place[place])

    def _note_named(self, said: Said) -> None:
        link = self._found.get(said.place)
        answered = self.find_answered(said) if said.marks.reply_to else None
        also = (_that_went_out(self._candidates(said, id_))[-1:] for _, id_ in said.marks.also)
        named = [link.named if link else None, answered, *(each for some in also for each in some)]
        for place in {each.place for each in named if each is not None}:
            self._naming[place].append(said)

    def find(self, said: Said) -> Link:
        """Return which message a record corrects, retracts, reacts to or acknowledges: the first version of it."""
        return self._found.get(said.place) or Link(None, NOT_FOUND)

    def find_answered(self, said: Said) -> Said | None:
        """Return the message that a reply answers."""
        candidates = _that_went_out(self._candidates(said, said.marks.reply_to))
        return candidates[-1] if candidates else None

    def about(self, said: Said) -> list[Said]:
        """Return the records that validly change or acknowledge a message, in order."""
        return self._by_target[said.place]

    def naming(self, said: Said) -> list[Said]:
        """Return the records that name just this message or version: acknowledgements, reactions, answers."""
        return self._naming[said.place]

    def only_gives_back(self, said: Said) -> bool:
        """Return whether a record is an error that says what it gives back, and no more (RFC 6120, 8.3.1)."""
        if said.marks.type != "error" or said.also:
            return False
        given_back = self._candidates(said, said.marks.id)
        return any(each.text == said.text and each.author != said.author for each in given_back)

    def find_held(self, said: Said) -> Said | None:
        """Return the held message that a record carries on, once a reviewer has released it (gate protocol, 4.7)."""
        if said.submission is None or said.submission.way != Way.GATE or not said.marks.id:
            return None
        candidates = self._candidates(said, said.marks.id)
        held = [each for each in candidates if each.fate is Fate.HELD and each.author == said.author]
        return held[-1] if held else None

    def find_released(self, said: Said) -> Said | None:
        """Return the record that carried on a held message."""
        later = self._by_id[said.marks.id] if said.fate is Fate.HELD and said.marks.id else []
        return next(
            (each for each in later if each.place > said.place and self.find_held(each) is said), None
        )

    def _candidates(self, said: Said, id_: str) -> list[Said]:
        where = conversation_of(said)
        for known in (self._by_id.get(id_, ()), self._by_record.get(id_, ())):
            found = [each for each in known if each.place < said.place and conversation_of(each) == where]
            if found:
                return found
        return []

    def _find(self, said: Said) -> Link:
        marks = said.marks
        candidates = self._candidates(said, marks.target)
        if not candidates:
            return Link(None, NOT_FOUND)
        if marks.mark in _OF_ONES_OWN and not marks.is_by_moderator:
            own = [each for each in candidates if each.author == said.author]
            if not own:
                return Link(None, OF_SOMEBODY_ELSE, candidates[-1])
            candidates = own
        if marks.mark in _OF_OTHERS:
            others = [each for each in candidates if each.author != said.author]
            candidates = others or candidates
        candidates = _that_went_out(candidates)
        remark = (
            f"{len(candidates)} messages have this id: it counts for the last" if len(candidates) > 1 else ""
        )
        return Link(self._find_first(candidates[-1]), remark, candidates[-1])

    def _find_first(self, said: Said) -> Said | None:
        """Follow corrections of corrections to what was said first."""
        for _ in range(_LONGEST_CHAIN):
            if said.marks.mark is not Mark.CORRECTION:
                return said
            link = self._find(said)
            if link.named is None or link.message is None:
                return said  # the message that it corrects is not in the log: it stands for itself
            said = link.message
        return said


def _is_said(said: Said) -> bool:
    """Return whether others may name a record: the id of an error is that of what it gives back (RFC 6120, 8.3)."""
    return said.turn in (Turn.SAYS, Turn.CHANGES) and said.marks.type != "error"


def _that_went_out(messages: list[Said]) -> list[Said]:
    """Return those that others may have, if there are any: what nobody has, nobody's client changes or answers."""
    return [each for each in messages if not each.fate.reached_nobody] or messages


def conversation_of(said: Said) -> tuple[str, ...]:
    """Return what tells a conversation from others: the room, or the two parties."""
    marks = said.marks
    if marks.type == "groupchat" or (marks.room and marks.kind != "message"):
        return (fold_bare(marks.room),)
    return tuple(sorted((fold_bare(marks.sender), fold_bare(said.to))))
