"""Reads a conversation as a person does; the look is recorded before anything is returned."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from components.archive.keys import KeyFileError, load_conversation_key
from components.archive.opener import RecordOpener
from components.archive.record import Access
from components.audit.access import digest_of, record_access
from components.audit.auditor import Auditor, Role, find_auditor
from components.audit.conversation.assemble import Gathered
from components.audit.conversation.gather import Talk
from components.audit.conversation.gone import find_gone, hash_conversations
from components.audit.conversation.item import Item, Party
from components.audit.conversation.links import Links
from components.audit.conversation.names import NamedThen, Names, find_named
from components.audit.conversation.part import Around, During, Part, Whole, assemble_part, describe_part
from components.audit.conversation.said import Said
from components.audit.conversation.seen import judge_items
from components.audit.conversation.watch import watch
from components.audit.conversation.within import Within
from components.audit.index.database import Connection
from components.audit.index.index import Index
from components.audit.index.logs import EVERY_PLACE, IndexedLog
from components.audit.index.spans import find_end, find_places
from components.audit.index.talk import fold_bare
from components.audit.index.talk_find import (
    find_accounts,
    find_conversations,
    find_parties,
    find_turn,
    has_joins,
)
from components.audit.indexed import catch_up_logs, find_indexed, open_indexed, open_site_index
from components.audit.show import explain_absence, parse_record_id
from components.process.errors import SiteError
from components.process.progress import Progress
from components.rules.load import RulesError, parse_site_directory
from components.settings.site import SiteFile
from policy.directory.directory import Directory, DirectoryError

__all__ = ["Around", "ConversationView", "Whole", "read_conversation"]


class NoConversationError(SiteError):
    """There is no such conversation here, or none that the auditor may read."""


_NO_PART = "{} is no part of a conversation that you may read: `steelyard audit show` shows other records"


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A part of a conversation: its `items` in the log's order, and `present`, who was in the room at its end.

    `more_before` and `more_after` are ids to read on from, empty where nothing more is there. `access_id` is the record
    of this look, `digest` is over the ids of all records that are shown.
    """

    parties: tuple[Party, ...]
    is_room: bool
    items: tuple[Item, ...]
    present: tuple[Party, ...]
    more_before: str
    more_after: str
    access_id: str
    digest: str
    log_size: int
    seen_by: Party | None = None
    at_ns: int | None = None
    remarks: tuple[str, ...] = ()


async def read_conversation(
    settings: SiteFile,
    what: Part,
    progress: Progress,
    auditor: Auditor | None = None,
    seen_by: str = "",
    at_ns: int | None = None,
) -> ConversationView:
    """Read a part of a conversation as it was at a time (now, if None); with `seen_by`, what had reached a person then.

    Raises NoConversationError if there is none that the auditor may see, SiteError if the look cannot be recorded, and
    LogError.
    """
    auditor = auditor or find_auditor(settings)
    auditor.require(Role.AUDITOR, Role.REVIEWER, Role.LEAD)
    now_ns = time.time_ns()
    names = {which: log.name for which, log in find_indexed(settings).items()}
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_logs(settings, index, logs, progress)
            reader = _Reader(settings, index, logs, names, Within(auditor, _load_directory(settings)))
            view = await reader.read(what, seen_by, now_ns, at_ns)
            log_size = index.size_of(IndexedLog.GATE)
    digest = digest_of(dict.fromkeys(id_ for item in view.items for id_ in item.records))
    access = Access(
        auditor.id,
        "read",
        describe_part(what, seen_by, at_ns),
        now_ns,
        log_size,
        len(view.items),
        result_digest=digest,
    )
    access_id = await record_access(settings, access)
    return replace(view, access_id=access_id, digest=digest, log_size=log_size, at_ns=at_ns)


@dataclass(slots=True)
class _Reader:
    settings: SiteFile
    index: Index
    logs: Mapping[IndexedLog, RecordOpener]
    log_names: Mapping[IndexedLog, str]
    within: Within

    async def read(self, what: Part, seen_by: str, now_ns: int, at_ns: int | None) -> ConversationView:
        if seen_by and not self.within.has(seen_by):
            raise SiteError(f"{seen_by} is of no enterprise that you may see (audit.auditors)")
        talk, wanted, hit = await self._find_own(what)
        conversations, room = talk.conversations, talk.room
        shown, more = await self._take(talk, what, hit, at_ns)
        related = await talk.find_related(shown)
        until_ns = now_ns if at_ns is None else at_ns
        if seen_by or at_ns is not None:
            shown, related = ([said for said in some if said.at_ns <= until_ns] for some in (shown, related))
        names = Names(self._load_names)
        shown = await self._with_gone(shown, conversations)
        reviews = await talk.find_reviews(shown, names)
        present = await talk.find_present(shown, names)
        hit_id = what.record_id if isinstance(what, Around) else ""
        items, cut = assemble_part(Gathered(shown, related, names, reviews, present, hit_id), what, hit)
        if seen_by:
            watched = await watch(talk, seen_by, shown, until_ns, _END)
            items = judge_items(items, Links([*shown, *related]), watched, present)
        last, last_ns = (shown[-1].place, shown[-1].at_ns) if shown else (0, until_ns)
        return ConversationView(
            tuple(names.find(jid, last_ns) for jid in wanted),
            bool(room),
            items,
            present.get(last, ()) if room else (),
            items[0].record if items and (more[0] or cut[0]) else "",
            items[-1].record if items and (more[1] or cut[1]) else "",
            "",
            "",
            0,
            names.find(seen_by, last_ns) if seen_by else None,
        )

    async def _find_own(self, what: Part) -> tuple[Talk, tuple[str, ...], int]:
        """Find as `_find` does; an auditor of some enterprises is told nothing of records of others, by their ids."""
        try:
            return await self._find(what)
        except SiteError:
            if self.within.auditor.enterprises is None or not isinstance(what, Around):
                raise
            raise SiteError(
                f"there is no record {what.record_id} among what {self.within.auditor.id} may see"
            ) from None

    async def _find(self, what: Part) -> tuple[Talk, tuple[str, ...], int]:
        """Find the conversations, whose they are, and the place of the record around which they are read."""
        hit = 0
        with self.index.look() as db:
            if isinstance(what, Around):
                hit = self._find_place(what.record_id)
                turn = find_turn(db, hit)
                parties = find_parties(db, turn[2]) if turn else ()
                if not parties:
                    raise SiteError(_NO_PART.format(what.record_id))
            else:
                parties = tuple(self._resolve(db, each) for each in what.parties)
            conversations = self.within.keep(find_conversations(db, parties))
        # What somebody says to others is read as theirs, and what others tried to say to them is not.
        if not conversations or (not isinstance(what, Around) and not all(map(self.within.has, parties))):
            raise NoConversationError(
                f"there is no conversation of {' and '.join(parties)} that you may read"
            )
        room = self._find_room(parties, conversations)
        talk = Talk(
            self.index,
            self.logs,
            self.log_names,
            conversations,
            room,
            frozenset(parties),
            self.within.has_said,
        )
        if not isinstance(what, Around):
            return talk, parties, 0
        if (item := await talk.find_item(hit)) is None:
            raise SiteError(_NO_PART.format(what.record_id))
        return talk, parties, item

    def _find_room(self, parties: Sequence[str], conversations: Mapping[int, tuple[str, str]]) -> str:
        """Return the room that is read, empty if it is people: somebody may write to a person as if to a room."""
        own = next((number for number, (_, b) in conversations.items() if not b), None)
        if len(parties) != 1 or own is None:
            return ""
        with self.index.look() as db:
            return parties[0] if len(conversations) == 1 or has_joins(db, own) else ""

    def _resolve(self, db: Connection, party: str) -> str:
        """Return a party's JID; a name without a domain is that of the only account of this name."""
        if "@" in party:
            return fold_bare(party)
        found = [jid for jid in find_accounts(db, party) if self.within.has(jid)]
        if len(found) == 1:
            return found[0]
        what = f"{party!r} is no one account's name in a conversation"
        if found:
            raise SiteError(f"{what}: there are {', '.join(found[:5])}: write one of them")
        raise NoConversationError(f"{what}: write the JID, with its domain")

    def _find_place(self, record_id: str) -> int:
        log, number = parse_record_id(self.settings, record_id)
        which = next((each for each, name in self.log_names.items() if name == log.name), None)
        if which is None:
            raise SiteError(_NO_PART.format(record_id))
        size = self.index.size_of(which)
        if number >= size:
            raise SiteError(explain_absence(log.name, number, size))
        return which.place(number)

    async def _take(
        self, talk: Talk, what: Part, hit: int, at_ns: int | None
    ) -> tuple[list[Said], tuple[bool, bool]]:
        """Take the records of a part, and whether there are more before and after it.

        Of a whole conversation they end at a time, if there is one; the other parts are only cut there.
        """
        if isinstance(what, Around):
            back = await talk.take(range(_FIRST, hit), what.before + 1, newest=True)
            on = await talk.take(range(hit, _END), what.after + 2, newest=False)
            return [*back, *on], (False, False)
        if isinstance(what, During):
            with self.index.look() as db:
                places = find_places(db, what.from_ns, what.until_ns)
            found = await talk.take(places, what.limit + 1, newest=True)
            return [said for said in found if what.from_ns <= said.at_ns < what.until_ns], (False, False)
        if what.after:
            start = self._find_place(what.after) + 1
            return await talk.take(range(start, _END), what.limit + 1, newest=False), (True, False)
        end = self._find_place(what.before) if what.before else _END
        if at_ns is not None:
            with self.index.look() as db:
                end = min(end, find_end(db, at_ns))
        return await talk.take(range(_FIRST, end), what.limit + 1, newest=True), (False, bool(what.before))

    async def _with_gone(
        self, shown: Sequence[Said], conversations: Mapping[int, tuple[str, str]]
    ) -> list[Said]:
        """Add what was destroyed or cannot be read between the first and the last record."""
        if not shown:
            return []
        try:
            key = load_conversation_key(self.settings.archive.conversation_key_file)
        except KeyFileError:
            return list(shown)
        places = range(shown[0].place, shown[-1].place + 1)
        hashes = hash_conversations(key, conversations.values())
        gone = await find_gone(self.index, self.logs, self.log_names, hashes, places)
        known = {said.place for said in shown}
        return sorted(
            [*shown, *(said for said in gone if said.place not in known)], key=lambda said: said.place
        )

    def _load_names(self, jid: str) -> list[NamedThen]:
        if not self.within.has(jid):
            return []
        with self.index.look() as db:
            return find_named(db, jid)


def _load_directory(settings: SiteFile) -> Directory | None:
    file = settings.gate.directory_file
    try:
        return parse_site_directory(file.name, file.read_text()).directory
    except (OSError, DirectoryError, RulesError, UnicodeDecodeError):
        return None


_FIRST, _END = EVERY_PLACE.start, EVERY_PLACE.stop
