"""Makes the items of a conversation from its records: pure, values in, values out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from components.audit.conversation.attached import find_acknowledgements, find_reactions, tell_act
from components.audit.conversation.item import Act, Fate, Item, ItemKind, Party, Quote, Version
from components.audit.conversation.links import Links
from components.audit.conversation.names import Names
from components.audit.conversation.said import Said, text_of_status
from components.audit.index.talk import Turn, session_of
from components.audit.marks import Mark

_KINDS = {
    Mark.MESSAGE: ItemKind.MESSAGE,
    Mark.CORRECTION: ItemKind.CORRECTION,
    Mark.RETRACTION: ItemKind.RETRACTION,
    Mark.REACTION: ItemKind.REACTION,
    Mark.SUBJECT: ItemKind.SUBJECT,
    Mark.INVITE: ItemKind.INVITE,
    Mark.JOIN: ItemKind.JOIN,
    Mark.LEAVE: ItemKind.LEAVE,
}


@dataclass(frozen=True, slots=True)
class Gathered:
    """The records of a part of a conversation: `shown` in order, `related` whatever they name or is about them.

    `reviews` are what reviewers did, by the id of the held record; `present` is who was in the room, by place; `hit`
    is the id of the record around which one reads.
    """

    shown: Sequence[Said]
    related: Sequence[Said]
    names: Names
    reviews: Mapping[str, tuple[Act, ...]] = field(default_factory=dict)
    present: Mapping[int, tuple[Party, ...]] = field(default_factory=dict)
    hit: str = ""


def assemble(gathered: Gathered) -> tuple[Item, ...]:
    """Make the items of a part of a conversation, in the order of the log."""
    return tuple(_Assembly(gathered).run())


def is_read(said: Said) -> bool:
    """Return whether a record is an item by itself, if it changes nothing that is shown."""
    if said.submission is None:
        return True
    if said.turn is Turn.SAYS:
        return said.marks.mark is not Mark.OTHER or bool(said.text or said.also or said.files)
    return said.turn in (Turn.CHANGES, Turn.MOVES, Turn.PRESENCE)


_UNREADABLE = "it is missing or altered, and no order destroyed it: run `steelyard verify`"


class _Assembly:
    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self._links = Links([*gathered.shown, *gathered.related])
        self._shown = {said.place for said in gathered.shown}
        self._joins: dict[tuple[str, str], int] = {}
        self._items: list[Item] = []
        self._latest_ns = 0

    def run(self) -> list[Item]:
        for said in self._gathered.shown:
            if not is_read(said) or self._is_part(said) or self._confirms(said):
                continue
            if self._links.only_gives_back(said):
                continue
            item = self._make(said)
            if item.at_ns < self._latest_ns:
                remark = "the clock went back: its time is before that of what stands above"
                item = replace(item, remarks=(*item.remarks, remark))
            self._latest_ns = max(self._latest_ns, said.at_ns)
            self._items.append(item)
        return self._items

    def _is_part(self, said: Said) -> bool:
        """Return whether a record only changes a message that is shown; what one reads around stands for itself."""
        if said.turn is not Turn.CHANGES or said.record == self._gathered.hit:
            return False
        changed = self._links.find(said).message
        return changed is not None and changed is not said and changed.place in self._shown

    def _confirms(self, said: Said) -> bool:
        """Note that a room has let somebody in who had asked for it, as a part of that item."""
        if said.turn is not Turn.MOVES or said.submission is None or said.marks.mark is not Mark.JOIN:
            return False
        session = session_of(said.marks)
        told_by_room = session != said.marks.sender
        key = (session, said.submission.epoch)
        if told_by_room and (at := self._joins.pop(key, None)) is not None:
            item = self._items[at]
            self._items[at] = replace(item, records=(*item.records, said.record))
            return True
        if not told_by_room:
            self._joins[key] = len(self._items)
        return False

    def _make(self, said: Said) -> Item:
        if said.submission is None:
            return self._make_unread(said)
        names, marks = self._gathered.names, said.marks
        by, to = self._find_parties(said)
        about, remark = self._find_about(said)
        item = Item(
            self._find_kind(said),
            said.record,
            said.place,
            said.at_ns,
            by,
            to,
            said.fate,
            _tell_why(said),
            about=about,
            also=said.also,
            emojis=marks.emojis,
            thread=marks.thread,
            files=said.files,
            reviews=self._gathered.reviews.get(said.record, ()),
            audience=self._find_audience(said, to),
            remarks=tuple(filter(None, (remark, *_tell_faults(said)))),
            records=(said.record,),
            is_hit=said.record == self._gathered.hit,
            versions=self._find_versions(said),
        )
        if said.turn not in (Turn.SAYS, Turn.CHANGES):
            return item
        changes = self._links.about(said)
        retractions = [tell_act(each, names) for each in changes if each.marks.mark is Mark.RETRACTION]
        also = [each for each in self._links.naming(said) if each.marks.also]
        released = self._links.find_released(said)
        return replace(
            item,
            fate=Fate.RELEASED if released is not None else item.fate,
            retraction=next((act for act in retractions if not act.fate.reached_nobody), None),
            reactions=find_reactions(changes, names),
            acknowledgements=find_acknowledgements([*changes, *also], names),
            records=(*item.records, *(each.record for each in changes), *_records(released)),
        )

    def _make_unread(self, said: Said) -> Item:
        kind = ItemKind.DESTROYED if said.is_destroyed else ItemKind.UNREADABLE
        nobody, remarks = Party(""), () if said.is_destroyed else (_UNREADABLE,)
        # Of one that the log does not have, nobody knows the time.
        at_ns = said.at_ns or self._latest_ns
        return Item(
            kind,
            said.record,
            said.place,
            at_ns,
            nobody,
            nobody,
            Fate.NOT_KNOWN,
            remarks=remarks,
            records=(said.record,),
        )

    def _find_kind(self, said: Said) -> ItemKind:
        if said.turn is Turn.PRESENCE:
            return ItemKind.PRESENCE
        if self._links.find_held(said) is not None:
            return ItemKind.RELEASED
        if said.marks.mark is Mark.LEAVE and said.turn is Turn.CHANGES:
            return ItemKind.LEAVE
        return _KINDS.get(said.marks.mark, ItemKind.OTHER)

    def _find_parties(self, said: Said) -> tuple[Party, Party]:
        names, marks = self._gathered.names, said.marks
        if said.turn is Turn.MOVES and session_of(marks) != marks.sender:
            return names.find(marks.to, said.at_ns, marks.nick), names.find(marks.room, said.at_ns)
        nick = marks.nick if said.turn is Turn.MOVES else ""
        return names.find(marks.sender, said.at_ns, nick), names.find(said.to, said.at_ns)

    def _find_about(self, said: Said) -> tuple[Quote | None, str]:
        if said.turn is Turn.CHANGES and said.marks.target:
            link = self._links.find(said)
            return self._quote(said.marks.target, link.named), link.remark
        if (held := self._links.find_held(said)) is not None:
            return self._quote(said.marks.id, held), ""
        if not said.marks.reply_to:
            return None, ""
        answered = self._links.find_answered(said)
        quote = self._quote(said.marks.reply_to, answered)
        if answered is None or not said.quoted:
            return (replace(quote, text=said.quoted) if said.quoted else quote), ""
        told = [answered.text, *(each.text for each in self._links.about(answered))]
        is_true = any(said.quoted.strip() in text for text in told)
        return quote, "" if is_true else f"it quotes what that message does not say: {said.quoted}"

    def _quote(self, id_: str, said: Said | None) -> Quote:
        if said is None:
            return Quote(id_)
        by = self._gathered.names.find(said.sender, said.at_ns)
        return Quote(id_, said.record, said.at_ns, by, said.text)

    def _find_versions(self, said: Said) -> tuple[Version, ...]:
        if said.turn is Turn.PRESENCE and said.submission is not None:
            text = " ".join(
                filter(None, (said.marks.type or "available", text_of_status(said.submission.body)))
            )
            return (Version(said.record, said.at_ns, self._party(said), text, said.fate),)
        if said.turn not in (Turn.SAYS, Turn.CHANGES):
            return ()
        released = self._links.find_released(said)
        fate = Fate.RELEASED if released is not None else said.fate
        first = Version(said.record, said.at_ns, self._party(said), said.text, fate)
        corrections = [each for each in self._links.about(said) if each.marks.mark is Mark.CORRECTION]
        return (first, *(self._correct(each) for each in corrections))

    def _correct(self, said: Said) -> Version:
        remark = self._links.find(said).remark
        return Version(said.record, said.at_ns, self._party(said), said.text, said.fate, remark)

    def _party(self, said: Said) -> Party:
        return self._gathered.names.find(said.sender, said.at_ns)

    def _find_audience(self, said: Said, to: Party) -> tuple[Party, ...]:
        if said.turn not in (Turn.SAYS, Turn.CHANGES) or said.fate.reached_nobody:
            return ()
        if said.marks.type == "groupchat":
            return self._gathered.present.get(said.place, ())
        return (to,)


def _records(said: Said | None) -> tuple[str, ...]:
    return () if said is None else (said.record,)


def _tell_why(said: Said) -> str:
    """Return by which rules a message was refused, held or changed, and what its sender was told."""
    submission = said.submission
    if submission is None or not (submission.rules or submission.error):
        return ""
    told = submission.error.text if submission.error else ""
    return ": ".join(filter(None, (", ".join(submission.rules), told)))


def _tell_faults(said: Said) -> Iterator[str]:
    if not said.is_intact:
        yield "altered since it was recorded: run `steelyard verify`"
    if said.marks.mark is Mark.OTHER and not said.marks.kind:
        yield "it cannot be read as a stanza: this is all of it"
