"""Makes rows of the index from records."""

from dataclasses import replace

from components.archive.log.leaf import NOT_SEALED
from components.archive.opener import OpenedRecord
from components.archive.record import Delivery, Event, RecordKind, Submission, parse_record
from components.audit.query.tree import SearchKind
from components.audit.query.words import index_words
from components.audit.stanza import Reading, read_done, read_submission, split_jid
from policy.facts import Way

_LARGEST_INTEGER = 2**63 - 1


class Rows:
    """The rows of some records, for each table."""

    def __init__(self) -> None:
        self.submissions: list[tuple[str | int, ...]] = []
        self.words: list[tuple[int, str, str]] = []
        self.rules: list[tuple[str, int]] = []
        self.deliveries: list[tuple[int, str, int]] = []
        self.bounced: list[tuple[str, int, int]] = []
        self.unread: list[tuple[int]] = []

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
            self.unread.append((record.index,))
            text = payload.decode(errors="replace")
            self._add_submission(record, record.leaf.time_ns, Reading(SearchKind.OTHER, "", "", "", text))
            return
        match parsed:
            case Submission() if parsed.way == Way.CANARY:
                return  # the gate's own, many a day; nobody searches for them
            case Submission():
                decided = (parsed.action, parsed.epoch, _bounded(parsed.seq))
                at_ns = _bounded(parsed.received_at_ns)
                self._add_submission(record, at_ns, read_submission(parsed), decided)
                self.rules += [(rule.casefold(), record.index) for rule in parsed.rules]
            case Event():
                self._add_submission(record, _bounded(parsed.at_ns), read_done(parsed))
            case Delivery(epoch, through, bounced):
                self.deliveries.append((record.index, epoch, _bounded(through)))
                self.bounced += [(epoch, _bounded(seq), record.index) for seq in bounced]

    def _add_submission(
        self, record: OpenedRecord, at_ns: int, reading: Reading, decided: tuple[str, str, int] = ("", "", 0)
    ) -> None:
        index, segment = record.index, record.leaf.segment
        try:
            parties = (*split_jid(reading.sender), *split_jid(reading.to))
            words = index_words(reading.text)
        except Exception:  # whatever the fold stumbles over: one record, not the index
            reading = replace(reading, readable=False)
            parties, words = ("", "", "", ""), ("", "")
        if not reading.readable:
            self.unread.append((index,))
        self.submissions.append((index, reading.kind, at_ns, *parties, reading.thread, *decided, segment))
        self.words.append((index, *words))


def _bounded(number: int) -> int:
    """Return a number of a JSON header within SQLite's range; no gate writes a larger one."""
    return min(number, _LARGEST_INTEGER)
