"""A record as an auditor sees it: read from the log itself, never from the index."""

from collections.abc import Callable
from dataclasses import dataclass

from components.archive.opener import OpenedRecord
from components.archive.record import Event, Record, RecordKind, Submission, parse_record
from components.audit.index.found import DeliveryState
from components.audit.index.index import Index
from components.audit.query.tree import SearchKind
from components.audit.reading.content import ContentState
from components.audit.stanza import Reading, read_done, read_submission


@dataclass(frozen=True, slots=True)
class SaidOfFile:
    """What a stanza says of an upload; `record` is the stanza's. `sha256` is empty if it says no hash.

    `differs`: it says another hash than the upload has.
    """

    record: str
    name: str
    description: str
    sha256: str
    differs: bool


@dataclass(frozen=True, slots=True)
class FileView:
    """A file that a record is about; `record` is the id of the record of its receipt, or the file's own in a stanza.

    `text` is what its content says, as a program read it, in the `state` that the index knows; so many characters at
    its end are what a machine heard. `is_hit`: a word of the search is in the file. `said` is what stanzas say of an
    upload.
    """

    record: str
    name: str
    claimed_type: str
    found_type: str
    size_bytes: int
    sha256: str
    state: ContentState
    text: str
    is_hit: bool
    said: tuple[SaidOfFile, ...] = ()
    heard_characters: int = 0

    @property
    def transcript(self) -> str:
        """What a machine heard."""
        return self.text[len(self.text) - self.heard_characters :]


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record of a log, and its outcome.

    `content` is None for the log's own records, and for destroyed and unreadable ones; `delivery` is set only for
    submissions. A `missing` record is gone, and no tombstone says that it was destroyed. A search adds the `files` that
    the record is about.
    """

    id: str
    opened: OpenedRecord
    content: Record | None
    reading: Reading
    delivery: DeliveryState | None = None
    missing: bool = False
    files: tuple[FileView, ...] = ()

    @property
    def destroyed(self) -> bool:
        """Whether an order destroyed it, as a tombstone says."""
        return self.opened.stored.payload is None and not self.missing

    @property
    def intact(self) -> bool:
        """Whether it is as recorded, or an order destroyed it."""
        return self.opened.stored.is_intact() and not self.opened.fault and not self.missing

    @property
    def at_ns(self) -> int:
        """When it was received or, if it is not a submission, recorded; nanoseconds since 1970."""
        return (
            self.content.received_at_ns if isinstance(self.content, Submission) else self.opened.leaf.time_ns
        )


@dataclass(frozen=True, slots=True)
class Around:
    """What was said before and after a record in its conversation, the oldest first."""

    before: tuple[RecordView, ...]
    after: tuple[RecordView, ...]


# The outcome of a stanza whose verdict, other than release, was carried out.
_CARRIED_OUT_AS = {"refuse": DeliveryState.RETURNED, "hold": DeliveryState.KEPT}


def view_record(
    log_name: str,
    opened: OpenedRecord,
    index: Index | None = None,
    read: Callable[[Submission], Reading] = read_submission,
) -> RecordView:
    """Read a record of a log; `index`, of the same log, knows the outcome of a submission, which `read` reads."""
    record_id = f"{log_name}/{opened.index}"
    payload = opened.payload or b""
    try:
        content = parse_record(RecordKind(opened.leaf.kind), payload)
    except ValueError:  # an unknown kind, or RecordError
        return RecordView(record_id, opened, None, _nobodys(payload.decode(errors="replace")))
    if isinstance(content, Event):
        return RecordView(record_id, opened, content, read_done(content))
    if not isinstance(content, Submission):
        return RecordView(record_id, opened, content, _nobodys(""))
    delivery = index.delivery(content.epoch, content.seq) if index else DeliveryState.UNKNOWN
    if delivery is DeliveryState.CARRIED_OUT:
        is_repeated = content.action == "refuse" and content.error is None
        delivery = DeliveryState.REPEATED if is_repeated else _CARRIED_OUT_AS.get(content.action, delivery)
    return RecordView(record_id, opened, content, read(content), delivery)


def _nobodys(text: str) -> Reading:
    return Reading(SearchKind.OTHER, "", "", "", text)
