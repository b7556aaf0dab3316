"""Makes rows of the index from records."""

import sqlite3
from dataclasses import replace

from components.archive.log.leaf import NOT_SEALED
from components.archive.opener import OpenedRecord
from components.archive.record import Delivery, Event, RecordKind, Submission, parse_record
from components.audit.index.carried import CarriedRow, insert_carried, read_carried
from components.audit.index.contents import FileRow, insert_files
from components.audit.index.logs import IndexedLog
from components.audit.index.talk import TalkRow, insert_talk, read_act, read_talk
from components.audit.query.tree import SearchKind
from components.audit.query.words import index_words
from components.audit.stanza import Reading, read_done, read_submission, split_jid
from components.rules.file_links import FileLinks
from policy.facts import Way

_LARGEST_INTEGER = 2**63 - 1


class Rows:
    """The rows of some records of a log, for each table; `links`, if any, reads links to files in messages."""

    def __init__(self, log: IndexedLog, links: FileLinks | None) -> None:
        self._log = log
        self._links = links
        self.submissions: list[tuple[str | int, ...]] = []
        self.words: list[tuple[int, str, str, str, str]] = []
        self.files: list[FileRow] = []
        self.about: list[tuple[str, int]] = []
        self.carried: list[CarriedRow] = []
        self.rules: list[tuple[str, int]] = []
        self.deliveries: list[tuple[int, str, int]] = []
        self.bounced: list[tuple[str, int, int]] = []
        self.unread: list[tuple[int]] = []
        self.talk: list[TalkRow | None] = []

    def add(self, record: OpenedRecord) -> None:
        """Add one record; a search still finds an unparsable one by its words, as `kind:other`.

        Where a stanza brings out a mistake of ours, it is found by what the gate noted of it, and counts as unread.
        """
        if record.leaf.segment == NOT_SEALED or record.stored.payload is None:
            return  # the log's own record, or one that was destroyed
        payload = record.payload or b""
        try:
            parsed = parse_record(RecordKind(record.leaf.kind), payload)
        except ValueError:
            self.unread.append((self._log.place(record.index),))
            text = payload.decode(errors="replace")
            self._add_submission(record, record.leaf.time_ns, Reading(SearchKind.OTHER, "", "", "", text))
            return
        match parsed:
            case Submission() if parsed.way == Way.CANARY:
                return  # the gate's own, many a day; nobody searches for them
            case Submission():
                decided = (parsed.action, parsed.epoch, _bounded(parsed.seq))
                at_ns = _bounded(parsed.received_at_ns)
                place = self._log.place(record.index)
                names = self._add_carried(place, parsed)
                self._add_submission(record, at_ns, read_submission(parsed), decided, names)
                self.rules += [(rule.casefold(), place) for rule in parsed.rules]
                self.about += [(id_, place) for id_ in self._find_links(parsed)]
                self.talk.append(read_talk(place, parsed))
            case Event():
                self.talk.append(read_act(self._log.place(record.index), parsed))
                self._add_event(record, parsed)
            case Delivery(epoch, through, bounced):
                place = self._log.place(record.index)
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

    def _add_event(self, record: OpenedRecord, event: Event) -> None:
        details = dict(event.details)
        is_file = event.kind is RecordKind.FILE and {"file", "blob", "content_sha256"} <= details.keys()
        name = str(details.get("file_name", "")) if is_file else ""
        # What was decided on a file, if anything was.
        decided = (str(details.get("action", "")) if is_file else "", "", 0)
        self._add_submission(record, _bounded(event.at_ns), read_done(event), decided, name)
        if not is_file:
            return
        size = details.get("size_bytes", 0)
        file = FileRow(
            self._log.place(record.index),
            id=str(details["file"]),
            name=name,
            claimed_type=_plain_type(details.get("media_type", "")),
            found_type=_plain_type(details.get("found_type", "")),
            size_bytes=_bounded(size) if isinstance(size, int) else 0,
            sha256=str(details["content_sha256"]).lower(),
            blob=str(details["blob"]),
            copy_sha256=str(details.get("delivered_sha256", "")).lower(),
        )
        self.rules += [(rule.casefold(), file.idx) for rule in str(details.get("rules", "")).split()]
        self.files.append(file)
        self.about.append((file.id, file.idx))

    def insert(self, db: sqlite3.Connection) -> None:
        """Insert all rows, within the caller's transaction."""
        db.executemany("INSERT INTO submission VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self.submissions)
        db.executemany("INSERT INTO folded VALUES (?, ?, ?, ?, ?)", self.words)
        db.executemany(
            "INSERT INTO word (rowid, text, look, name, name_look) VALUES (?, ?, ?, ?, ?)", self.words
        )
        db.executemany("INSERT OR IGNORE INTO rule VALUES (?, ?)", self.rules)
        db.executemany("INSERT OR IGNORE INTO bounced VALUES (?, ?, ?)", self.bounced)
        db.executemany("INSERT OR IGNORE INTO unread VALUES (?)", self.unread)
        db.executemany("INSERT INTO delivery VALUES (?, ?, ?)", self.deliveries)
        insert_files(db, self.files, self.about)
        insert_carried(db, self.carried)
        insert_talk(db, filter(None, self.talk))

    def _add_submission(
        self,
        record: OpenedRecord,
        at_ns: int,
        reading: Reading,
        decided: tuple[str, str, int] = ("", "", 0),
        name: str = "",
    ) -> None:
        index, segment = self._log.place(record.index), record.leaf.segment
        try:
            parties = (*split_jid(reading.sender), *split_jid(reading.to))
            words = (*index_words(reading.text), *index_words(name))
        except Exception:  # whatever the fold stumbles over: one record, not the index
            reading = replace(reading, readable=False)
            parties, words = ("", "", "", ""), ("", "", "", "")
        if not reading.readable:
            self.unread.append((index,))
        self.submissions.append((index, reading.kind, at_ns, *parties, reading.thread, *decided, segment))
        self.words.append((index, *words))


def _plain_type(media_type: object) -> str:
    """Return a media type without its parameters."""
    return str(media_type).partition(";")[0].strip().lower()


def _bounded(number: int) -> int:
    """Return a number of a JSON header within SQLite's range; no gate writes a larger one."""
    return min(number, _LARGEST_INTEGER)
