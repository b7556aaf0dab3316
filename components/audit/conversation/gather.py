"""Fetches what is needed of a conversation, and no more: a page of it, and what its messages name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from components.archive.opener import RecordOpener
from components.archive.record import Event
from components.audit.conversation.assemble import is_read
from components.audit.conversation.item import Act, Party
from components.audit.conversation.names import Names
from components.audit.conversation.said import Said, read_said
from components.audit.index.index import Index
from components.audit.index.logs import LAST_NUMBER, IndexedLog, find_record
from components.audit.index.room_ids import find_room_id
from components.audit.index.routes import NO_CONVERSATION
from components.audit.index.talk import Turn, fold_bare, own_ids, session_of, target_ids
from components.audit.index.talk_find import (
    TurnAt,
    find_by_ids,
    find_last_turns,
    find_present,
    find_turn,
    find_turns,
)
from components.audit.indexed import find_inside_views, find_upload_views
from components.audit.marks import Mark, Marks
from components.audit.query.ids import IdRole
from components.audit.show import is_missing
from components.audit.view import RecordView, view_record
from policy.facts import Way

_OF_ROOM = (Turn.SAYS, Turn.CHANGES, Turn.MOVES)
# Presence to somebody's device may look like leaving a room.
_OF_PEOPLE = (Turn.SAYS, Turn.CHANGES, Turn.PRESENCE)
_MOST_ABOUT_ONE = 500  # reactions, receipts ... of one message that are looked at
_ROUNDS = 4  # of following what names what
# Beside what is read, so many records that change others are passed over before a page is cut.
_MOST_FETCHED = 4_000


@dataclass(slots=True)
class Talk:
    """Some conversations, in the logs and the index; what it fetches is kept while one page is made.

    They are those of a `room`, or, if that is empty, of the `parties` (bare JIDs as a search folds them). Of their
    records, those that `may_read` refuses are as if they were not there.
    """

    index: Index
    logs: Mapping[IndexedLog, RecordOpener]
    names: Mapping[IndexedLog, str]
    conversations: Mapping[int, tuple[str, str]]
    room: str
    parties: frozenset[str]
    may_read: Callable[[Said], bool] = lambda said: True
    _kept: dict[int, Said] = field(default_factory=dict)

    async def fetch(self, turns: Iterable[TurnAt]) -> list[Said]:
        """Fetch records, in order."""
        found = []
        for place, turn, _ in sorted(turns):
            if (said := self._kept.get(place)) is None:
                view = await self._view(place)
                said = read_said(place, turn, view) if view else self._tell_gap(place, turn)
                said = self._kept[place] = self._with_room_id(said)
            if self.may_read(said):
                found.append(said)
        return found

    def _with_room_id(self, said: Said) -> Said:
        if not said.marks.room:
            return said
        with self.index.look() as db:
            return replace(said, marks=said.marks.with_room_id(find_room_id(db, said.place)))

    async def _view(self, place: int) -> RecordView | None:
        which, number = find_record(place)
        for opened in await self.logs[which].fetch(number, 1):
            view = view_record(self.names[which], opened, self.index)
            missing = await is_missing(self.logs[which].reader, opened)
            uploads = find_upload_views(self.index, place, (), self.names)
            inside = find_inside_views(self.index, place, (), self.names)
            return replace(view, missing=missing, files=(*uploads, *inside))
        return None

    def _tell_gap(self, place: int, turn: Turn) -> Said:
        """Return what stands for a record that the index knows and the log does not have."""
        which, number = find_record(place)
        record = f"{self.names[which]}/{number}"
        return Said(place, record, turn, 0, None, Marks(Mark.OTHER), "", is_intact=False)

    async def take(self, places: range, count: int, *, newest: bool) -> list[Said]:
        """Fetch at least `count` records that are read by themselves, if a range has as many, from one of its ends."""
        taken: list[Said] = []
        counted, turns = 0, _OF_ROOM if self.room else _OF_PEOPLE
        while counted < count and len(taken) < _MOST_FETCHED + count and len(places) > 0:
            find = find_last_turns if newest else find_turns
            with self.index.look() as db:
                page = find(db, self.conversations, turns, places, max(32, count))
            if not page:
                break
            said = [each for each in await self.fetch(page) if self._is_among(each)]
            for each in reversed(said) if newest else said:
                if counted == count:
                    break
                counted += _counts(each)
                taken.append(each)
            places = range(places.start, page[0][0]) if newest else range(page[-1][0] + 1, places.stop)
        return taken[::-1] if newest else taken

    def _is_among(self, said: Said) -> bool:
        """Return whether a record is said among the parties: somebody may write to a person as if to a room."""
        if self.room or len(self.parties) < 2 or said.submission is None:
            return True
        return fold_bare(said.marks.sender) in self.parties and fold_bare(said.to) in self.parties

    async def find_item(self, place: int) -> int | None:
        """Return the place of the item that a record is read as: of what acknowledges a message, the message.

        None of a record that may not be read.
        """
        found = await self.fetch(self._turns_of([place]))
        if not found:
            return None
        (said,) = found
        if said.turn is not Turn.ACKNOWLEDGES:
            return place
        with self.index.look() as db:
            named = find_by_ids(db, target_ids(said.marks), IdRole.OWN, self.conversations, _MOST_ABOUT_ONE)
        return max((each for each in named if each < place), default=place)

    async def find_related(self, shown: Sequence[Said]) -> list[Said]:
        """Fetch what some records name, and what names them, as far as it is needed to read them."""
        seen = {said.place for said in shown}
        related: list[Said] = []
        news: Sequence[Said] = shown
        for _ in range(_ROUNDS):
            places = self._find_named(news) - seen
            if not places:
                break
            seen |= places
            news = await self.fetch(self._turns_of(places))
            related += news
        return related

    def _find_named(self, said: Sequence[Said]) -> set[int]:
        found = set[int]()
        with self.index.look() as db:
            for each in said:
                named = target_ids(each.marks)
                own = own_ids(each.marks)
                found.update(find_by_ids(db, named, IdRole.OWN, self.conversations, _MOST_ABOUT_ONE))
                if each.turn in (Turn.SAYS, Turn.CHANGES):
                    found.update(find_by_ids(db, own, IdRole.TARGET, self.conversations, _MOST_ABOUT_ONE))
                if each.submission and (each.submission.action == "hold" or each.submission.way == Way.GATE):
                    found.update(find_by_ids(db, own, IdRole.OWN, self.conversations, _MOST_ABOUT_ONE))
        return found

    def _turns_of(self, places: Iterable[int]) -> list[TurnAt]:
        with self.index.look() as db:
            return [turn for place in sorted(places) if (turn := find_turn(db, place)) is not None]

    async def find_reviews(self, shown: Iterable[Said], names: Names) -> dict[str, tuple[Act, ...]]:
        """Find what reviewers did with held messages."""
        reviews = {}
        for said in shown:
            if said.submission is None or said.submission.action != "hold":
                continue
            with self.index.look() as db:
                places = find_by_ids(db, (said.record,), IdRole.ABOUT, (NO_CONVERSATION,), _MOST_ABOUT_ONE)
            acts = [
                self._tell_review(place, event, names)
                for place in places
                for event in await self._fetch_events([place])
            ]
            reviews[said.record] = tuple(acts)
        return reviews

    def _tell_review(self, place: int, event: Event, names: Names) -> Act:
        details = dict(event.details)
        which, number = find_record(place)
        actor, reason = str(details.get("actor", "")), str(details.get("reason", ""))
        why = f"{event.name}: {reason}" if reason else event.name
        return Act(f"{self.names[which]}/{number}", event.at_ns, names.find(actor, event.at_ns), why)

    async def _fetch_events(self, places: Iterable[int]) -> list[Event]:
        views = [await self._view(place) for place in places]
        return [view.content for view in views if view is not None and isinstance(view.content, Event)]

    async def find_present(self, shown: Sequence[Said], names: Names) -> dict[int, tuple[Party, ...]]:
        """Find who was in the room when each message was said in it, whoever said it included."""
        present: dict[int, tuple[Party, ...]] = {}
        inside: dict[int, dict[str, Said]] = {}
        epochs: dict[int, str] = {}
        rooms = {a: number for number, (a, b) in self.conversations.items() if not b}
        for said in shown:
            number = rooms.get(fold_bare(said.marks.room)) if said.marks.room else None
            if number is None or said.submission is None:
                continue
            epoch = said.submission.epoch
            if epochs.get(number) != epoch:
                inside[number] = await self._find_inside(number, epoch, said.place)
                epochs[number] = epoch
            if said.turn is Turn.MOVES:
                _move(inside[number], said)
            present[said.place] = tuple(
                names.find(session, said.at_ns, each.marks.nick) for session, each in inside[number].items()
            )
        return present

    async def _find_inside(self, number: int, epoch: str, place: int) -> dict[str, Said]:
        which, _ = find_record(place)
        with self.index.look() as db:
            places = find_present(db, number, epoch, range(places_of(which).start, place))
        inside: dict[str, Said] = {}
        for said in await self.fetch((each, Turn.MOVES, number) for each in places):
            _move(inside, said)
        return inside


def _move(inside: dict[str, Said], said: Said) -> None:
    session = session_of(said.marks)
    if said.marks.mark is Mark.JOIN and not said.fate.reached_nobody:
        inside[session] = said
    elif said.marks.mark is Mark.LEAVE:
        inside.pop(session, None)


def places_of(which: IndexedLog) -> range:
    """Return the places of a log's records."""
    return range(which.place(0), which.place(LAST_NUMBER) + 1)


def _counts(said: Said) -> bool:
    is_told = said.submission is not None and said.submission.way == Way.SERVER
    return is_read(said) and said.turn in (Turn.SAYS, Turn.MOVES, Turn.PRESENCE) and not is_told
