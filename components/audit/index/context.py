"""What the index knows of a record from others (marks, people, rooms, sites): read, inserted, forgotten in one go."""

import json
from collections.abc import Iterable

from components.archive.record import Delivery, Event, RecordKind, Submission
from components.audit.index import crossed, marks, people, room_ids, seen
from components.audit.index.database import Connection
from components.audit.index.row_lists import extend_lists
from components.audit.marks import Mark, Marks, read_marks
from components.audit.query.tree import SearchKind
from components.audit.stanza import Reading

SCHEMA = marks.SCHEMA + people.SCHEMA + seen.SCHEMA + room_ids.SCHEMA + crossed.SCHEMA
TABLES = (*marks.TABLES, *people.TABLES, *seen.TABLES, *room_ids.TABLES, *crossed.TABLES)

_CARRIED = ("release", "amend")
_LARGEST = 2**63 - 1
_ENDS = ("unbind", "bind")
"""Also where a session begins: one of the same name before it has ended."""


class Context:
    """The rows of some records, in the order of their log."""

    def __init__(self) -> None:
        self._marks = marks.MarkRows()
        self._people: list[people.DirectoryRow] = []
        self._steps: list[seen.StepRow] = []
        self._whispers: list[tuple[int, str]] = []
        self._released: list[seen.Released | seen.Bounced] = []
        self._room_ids: list[room_ids.RoomId] = []
        self._crossed: list[crossed.Crossing] = []
        self._epochs: set[str] = set()

    def add(self, place: int, record: Submission | Event | None, reading: Reading, *, says: bool) -> None:
        """Add a record as it is read; None if it cannot be parsed. `says`: its text has a word."""
        read = Marks(Mark.OTHER)
        if isinstance(record, Submission) and record.epoch not in self._epochs:
            self._epochs.add(record.epoch)
            self._steps.append(seen.restart(place, record.epoch))
        if isinstance(record, Submission) and record.kind is RecordKind.STANZA:
            read = read_marks(record.body)
            self._add_stanza(place, record, reading, read)
        elif isinstance(record, Submission) and reading.text.split("\n", 1)[0] in _ENDS:
            self._steps.append(seen.end_of_session(place, reading.sender))
        elif isinstance(record, Event) and (row := people.read_directory(place, record)):
            self._people.append(row)
        self._marks.add(marks.MarkRow(place, reading.kind, read, says))

    def add_delivery(self, place: int, delivery: Delivery) -> None:
        """Add a record of what the server carried out."""
        self._room_ids += room_ids.read_room_ids(place, delivery)
        bounced = tuple(min(seq, _LARGEST) for seq in delivery.bounced)
        self._released.append(seen.Bounced(place, delivery.epoch, min(delivery.through, _LARGEST), bounced))

    def _add_stanza(self, place: int, record: Submission, reading: Reading, read: Marks) -> None:
        if read.room and read.nick and reading.kind is SearchKind.MESSAGE and read.type != "groupchat":
            self._whispers.append((place, read.nick))
        self._crossed += crossed.read_crossings(place, record, read)
        if record.action not in _CARRIED:
            return
        self._released.append(seen.Released(place, record.epoch, min(record.seq, _LARGEST)))
        if step := seen.read_step(place, reading.sender, reading.to, read):
            self._steps.append(step)

    def extend(self, other: "Context") -> None:
        """Add the rows of the records behind these."""
        extend_lists(self, other)
        self._marks.extend(other._marks)

    def insert(self, db: Connection) -> None:
        """Insert all rows, within the caller's transaction, after the records themselves."""
        self._marks.insert(db)
        people.insert_directory(db, self._people)
        seen.insert_steps(db, self._steps)
        seen.insert_whispers(db, self._whispers)
        seen.insert_released(db, self._released)
        room_ids.insert_room_ids(db, self._room_ids)
        crossed.insert_crossings(db, self._crossed)


def forget_context(db: Connection, places: Iterable[int]) -> None:
    """Remove what is known of destroyed records, within the caller's transaction, after the records themselves."""
    gone = json.dumps(list(places))
    room_ids.forget_room_ids(db, gone)
    crossed.forget_crossings(db, gone)
    marks.forget_marks(db, gone)
    people.forget_directory(db, gone)
    seen.forget_steps(db, gone)
