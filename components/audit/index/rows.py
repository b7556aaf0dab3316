"""Makes rows of the index from records."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple, Self

from components.archive.log.leaf import NOT_SEALED
from components.archive.opener import NOT_OPENED, OpenedRecord
from components.archive.record import Access, Delivery, Event, RecordKind, Submission, parse_record
from components.audit.index import facets, spans
from components.audit.index.carried import CarriedRow, insert_carried, read_carried
from components.audit.index.contents import FileRow, insert_files
from components.audit.index.context import Context
from components.audit.index.database import Connection
from components.audit.index.logs import IndexedLog
from components.audit.index.routes import Route, keep_names, keep_routes, route_word
from components.audit.index.row_lists import extend_lists
from components.audit.index.talk import TalkRow, Turn, insert_moves, read_act, read_talk
from components.audit.query.tree import SearchKind
from components.audit.query.words import index_words
from components.audit.stanza import Reading, read_done, read_look, read_submission, split_jid
from components.rules.file_links import FileLinks
from policy.facts import Way

_LARGEST_INTEGER = 2**63 - 1

_LATER = """
INSERT INTO epoch (name, through) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET through = max(epoch.through, excluded.through)
"""


class EntryRow(NamedTuple):
    """A record that is searched: its place, its route, and the folded words of its text and of its files' names.

    `ids` are the words of its ids (query/ids.py).
    """

    idx: int
    route: Route
    received_at_ns: int
    segment: int
    thread: str
    text: tuple[str, str]
    names: tuple[str, str]
    turn: int = Turn.NONE
    ids: tuple[str, ...] = ()


class Clear(NamedTuple):
    """A record of a log in the clear, and what the index needs of its leaf; `is_closed`: it does not open."""

    number: int
    kind: int
    segment: int
    time_ns: int
    payload: bytes
    is_closed: bool


def take_clear(record: OpenedRecord) -> Clear | None:
    """Return what the index reads of a record; None for the log's own, or one that was destroyed."""
    leaf = record.leaf
    if leaf.segment == NOT_SEALED or record.stored.payload is None:
        return None
    # An auditor with grants: what they do not open is counted, and nothing else.
    is_closed = record.fault == NOT_OPENED
    return Clear(record.index, leaf.kind, leaf.segment, leaf.time_ns, record.payload or b"", is_closed)


class Rows:
    """The rows of some records of a log, for each table; `links`, if any, reads links to files in messages."""

    def __init__(self, log: IndexedLog, links: FileLinks | None) -> None:
        self._log = log
        self._links = links
        self.entries: list[EntryRow] = []
        self.files: list[FileRow] = []
        self.about: list[tuple[str, int]] = []
        self.carried: list[CarriedRow] = []
        self.rules: list[tuple[str, int]] = []
        self.deliveries: list[tuple[int, str, int]] = []
        self.bounced: list[tuple[str, int, int]] = []
        self.unread: list[tuple[int]] = []
        self.moves: list[tuple[int, TalkRow]] = []
        self._context = Context()

    @classmethod
    def read_all(cls, log: IndexedLog, links: FileLinks | None, records: Iterable[Clear]) -> Self:
        """Return the rows of some records, without the `links`, to be sent to another process."""
        rows = cls(log, links)
        for record in records:
            rows.read(record)
        rows._links = None
        return rows

    def add(self, record: OpenedRecord) -> None:
        """Add one record; a search still finds an unparsable one by its words, as `kind:other`.

        Where a stanza brings out a mistake of ours, it is found by what the gate noted of it, and counts as unread.
        """
        if (taken := take_clear(record)) is not None:
            self.read(taken)

    def read(self, record: Clear) -> None:
        """Add one record in the clear, likewise."""
        place = self._log.place(record.number)
        if record.is_closed:
            self.unread.append((place,))
            return
        try:
            parsed = parse_record(RecordKind(record.kind), record.payload)
        except ValueError:
            self.unread.append((place,))
            text = record.payload.decode(errors="replace")
            self._add_submission(record, record.time_ns, Reading(SearchKind.OTHER, "", "", "", text))
            return
        match parsed:
            case Submission() if parsed.way == Way.CANARY:
                return  # the gate's own, many a day; nobody searches for them
            case Submission():
                at_ns = _bounded(parsed.received_at_ns)
                names = self._add_carried(place, parsed)
                self._add_submission(record, at_ns, read_submission(parsed), parsed.action, names, parsed)
                self.rules += [(rule, place) for rule in {rule.casefold() for rule in parsed.rules}]
                self.about += [(id_, place) for id_ in self._find_links(parsed)]
            case Event() if parsed.kind is RecordKind.MATTER:
                return  # only the people of a matter see what is done in it
            case Event():
                self._add_event(record, parsed)
            case Access():
                self._add_submission(record, _bounded(parsed.at_ns), read_look(parsed))
            case Delivery(epoch, through, bounced):
                self._context.add_delivery(place, parsed)
                self.deliveries.append((place, epoch, _bounded(through)))
                self.bounced += [(epoch, _bounded(seq), place) for seq in bounced]

    def _add_carried(self, place: int, submission: Submission) -> str:
        """Add the files inside a stanza; return their names, one a line."""
        if submission.kind is not RecordKind.STANZA:
            return ""
        try:
            # A component's answer with a new link is about no file yet.
            links = None if submission.way == Way.COMPONENT else self._links
            found = read_carried(place, submission.body, links)
        except Exception:  # a mistake of ours: one record, not the index
            self.unread.append((place,))
            return ""
        self.carried += found
        return "\n".join(row.name for row in found)

    def _find_links(self, submission: Submission) -> set[str]:
        """Return the ids of the files whose links a stanza carries; a component's answer with a new one is none."""
        if self._links is None or submission.way == Way.COMPONENT:
            return set()
        texts = (body.decode(errors="replace") for body in (submission.body, submission.amended))
        return {link.id.hex() for link in self._links.find_links(texts)}

    def _add_event(self, record: Clear, event: Event) -> None:
        details = dict(event.details)
        is_file = event.kind is RecordKind.FILE and {"file", "blob", "content_sha256"} <= details.keys()
        name = str(details.get("file_name", "")) if is_file else ""
        # What was decided on a file, if anything was.
        decided = str(details.get("action", "")) if is_file else ""
        self._add_submission(record, _bounded(event.at_ns), read_done(event), decided, name, event)
        if not is_file:
            return
        size = details.get("size_bytes", 0)
        file = FileRow(
            self._log.place(record.number),
            id=str(details["file"]),
            name=name,
            claimed_type=_plain_type(details.get("media_type", "")),
            found_type=_plain_type(details.get("found_type", "")),
            size_bytes=_bounded(size) if isinstance(size, int) else 0,
            sha256=str(details["content_sha256"]).lower(),
            blob=str(details["blob"]),
            copy_sha256=str(details.get("delivered_sha256", "")).lower(),
        )
        self.rules += [(rule, file.idx) for rule in set(str(details.get("rules", "")).casefold().split())]
        self.files.append(file)
        self.about.append((file.id, file.idx))

    def extend(self, other: "Rows") -> None:
        """Add the rows of the records behind these."""
        extend_lists(self, other)
        self._context.extend(other._context)

    def insert(self, db: Connection) -> None:
        """Insert all rows, within the caller's transaction."""
        self._insert_entries(db)
        db.executemany("INSERT OR IGNORE INTO rule VALUES (?, ?)", self.rules)
        facets.add_rules(db, self.rules)
        db.executemany("INSERT OR IGNORE INTO bounced VALUES (?, ?, ?)", self.bounced)
        db.executemany("INSERT OR IGNORE INTO unread VALUES (?)", self.unread)
        db.executemany(_LATER, [(epoch, through) for _, epoch, through in self.deliveries])
        epochs = keep_names(db, "epoch", {epoch for _, epoch, _ in self.deliveries})
        deliveries = [(place, epochs[epoch], through) for place, epoch, through in self.deliveries]
        db.executemany("INSERT INTO delivery VALUES (?, ?, ?)", deliveries)
        insert_files(db, self.files, self.about)
        insert_carried(db, self.carried)
        self._context.insert(db)
        insert_moves(db, self.moves)

    def _insert_entries(self, db: Connection) -> None:
        routes = keep_routes(db, dict.fromkeys(row.route for row in self.entries))
        threads = keep_names(db, "thread", {row.thread for row in self.entries if row.thread})
        entries, words = [], []
        for row in self.entries:
            route, thread = routes[row.route], threads.get(row.thread, 0)
            entries.append((row.idx, route, row.received_at_ns, row.segment, thread, int(row.turn)))
            text, look = row.text
            words.append((row.idx, " ".join((route_word(route), *row.ids, text)), look))
        db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", entries)
        db.executemany("INSERT INTO word (rowid, text, look) VALUES (?, ?, ?)", words)
        names = [(row.idx, *row.names) for row in self.entries if row.names[0]]
        db.executemany("INSERT INTO name_word (rowid, text, look) VALUES (?, ?, ?)", names)
        facets.add_entries(db, [(route, at_ns) for _, route, at_ns, *_ in entries])
        spans.widen(db, [(place, at_ns) for place, _, at_ns, *_ in entries])

    def _add_submission(
        self,
        record: Clear,
        at_ns: int,
        reading: Reading,
        verdict: str = "",
        name: str = "",
        about: Submission | Event | None = None,
    ) -> None:
        index, segment = self._log.place(record.number), record.segment
        try:
            parties = (*split_jid(reading.sender), *split_jid(reading.to))
            words = index_words(reading.text), index_words(name)
        except Exception:  # whatever the fold stumbles over: one record, not the index
            reading = replace(reading, readable=False)
            parties, words = ("", "", "", ""), (("", ""), ("", ""))
        if not reading.readable:
            self.unread.append((index,))
        talk = _read_turn(about)
        if talk.session:
            self.moves.append((index, talk))
        route = Route(int(self._log), str(reading.kind), verdict, *parties, talk.parties)
        self.entries.append(
            EntryRow(index, route, at_ns, segment, reading.thread, *words, talk.turn, talk.ids)
        )
        self._context.add(index, about, reading, says=bool(words[0][0]))


def _read_turn(record: Submission | Event | None) -> TalkRow:
    match record:
        case Submission():
            return read_talk(record)
        case Event():
            return read_act(record)
        case None:
            return TalkRow(Turn.NONE, ())


def _plain_type(media_type: object) -> str:
    """Return a media type without its parameters."""
    return str(media_type).partition(";")[0].strip().lower()


def _bounded(number: int) -> int:
    """Return a number of a JSON header within SQLite's range; no gate writes a larger one."""
    return min(number, _LARGEST_INTEGER)
