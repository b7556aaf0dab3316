"""What a format of exports is: a pure encoder of messages in an order of its own."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Protocol

from components.audit.export.message import Entry, ExportMessage, call_jid

_PARTIES = 2


@dataclass(frozen=True, slots=True)
class Shelf:
    """Messages that belong together in a format, as of one conversation; they are told in the order of their times.

    `number` counts the shelves from 1; `people` are the bare JIDs of who wrote or was addressed in them, sorted. There
    are `count` messages; `names` are those of bare JIDs, as the directory stood when each of them was said.
    """

    number: int
    name: str
    people: tuple[str, ...]
    first_ns: int
    last_ns: int
    count: int = 0
    names: Mapping[str, str] = field(default_factory=dict)

    def call(self, jid: str) -> str:
        """Return what a bare JID is called: with the name of whose it is, if it is known."""
        return call_jid(self.names.get(jid, ""), jid)

    @property
    def parties(self) -> tuple[str, ...]:
        """The bare JIDs of its two parties, or of its room; none of what acted on the line."""
        parties = tuple(self.name.split(" "))
        return parties if len(parties) == _PARTIES else (self.name,) if self.name else ()

    @property
    def listed(self) -> tuple[str, ...]:
        """Those of its people whom a title does not name: none of two parties, all of a room."""
        return () if set(self.people) <= set(self.parties) else self.people

    @property
    def title(self) -> str:
        """What it is called in a title: by its two parties or its room; otherwise by what acted on the line."""
        return " and ".join(map(self.call, self.parties)) or "Acts on the line"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of an export: `number` counts the files of a shelf, from 0; `day` is its day in the export's zone.

    `shelf` is None where one file holds several shelves.
    """

    number: int
    shelf: Shelf | None
    day: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What the files of an export say of the export itself. `id` is the record of the look that it is, by `auditor`."""

    id: str
    site: str
    query: str
    matter: str
    zone_name: str
    zone: tzinfo
    started_at_ns: int
    matched: int
    version: str
    auditor: str


@dataclass(frozen=True, slots=True)
class Shelved:
    """An entry, and the shelf that it is on."""

    shelf: Shelf
    entry: Entry


class Holdings(Protocol):
    """What an export has besides a part's messages: the contents of files, and all shelves."""

    def read(self, path: str) -> bytes:
        """Return a file's content."""

    def shelves(self) -> Iterator[Shelf]:
        """Yield all shelves that have messages, in order."""


MOST_TEXT_IN_PART = 8_000_000


class Format(ABC):
    """A format. It writes one file, or one for each shelf, and there for each day and `most_in_part` messages.

    `one_file` is the name of its only file, empty if there are several. With `across_shelves`, a file goes on with the
    next shelf until it is full. With `most_in_part`, it is full, too, where the stanzas of its messages have
    `MOST_TEXT_IN_PART` characters: a format may hold a file in memory. `cannot_carry` says in plain words what the
    manifest has to say of its limits.
    """

    name: str
    one_file: str = ""
    daily: bool = False
    across_shelves: bool = False
    most_in_part: int = 0
    cannot_carry: tuple[str, ...] = ()

    def shelves(self, message: ExportMessage) -> tuple[str, ...]:
        """Return the names of the shelves that a message goes to; none if the format cannot carry it.

        Most formats tell conversations one after the other.
        """
        return (message.conversation,)

    def name_part(self, part: Part) -> str:
        """Return the path of a part in the export."""
        return self.one_file

    @abstractmethod
    def encode(
        self, part: Part, entries: Iterator[Shelved], about: About, holdings: Holdings
    ) -> Iterator[bytes]:
        """Yield a part's bytes; `entries` are read once, in order."""


class FlatFormat(Format):
    """A format that tells all messages in the order of their times, in one file."""

    def shelves(self, _message: ExportMessage) -> tuple[str, ...]:
        """See Format."""
        return ("",)
