"""The protocol of all stores of a log, and its rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from components.archive.log.tile import Tile, TileId

FORMAT = "steelyard-log/2"


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A signed checkpoint of the first `size` records, the only one kept of its `second`.

    The second is that of its last record's time (Unix time), and 0 for the empty log.
    """

    second: int
    size: int
    note: str


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record as stored; `payload` is None once it was destroyed."""

    index: int
    leaf: bytes
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A segment: the records of one retention class between two of the log's own, which open and close it.

    `first` is the index of its SEGMENT record, `manifest` that of its MANIFEST (None while it is open), `keys` the
    sealed envelopes, None once they were destroyed.
    """

    number: int
    retention_class: int
    first: int
    opened_at_ns: int
    manifest: int | None
    keys: bytes | None


@dataclass(frozen=True, slots=True)
class MemoRow:
    """The writer's own note, in the clear, about the batch of records that begins at `first`."""

    first: int
    note: bytes


@dataclass(frozen=True, slots=True)
class Destruction:
    """Payloads to destroy: those at `indexes`; `keys` are the segment's envelopes from now on, None for no more."""

    segment: int
    indexes: Sequence[int]
    keys: bytes | None


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request of another process to the writer: `body`, until there is an `answer` (one JSON object)."""

    id: str
    body: bytes | None
    answer: str | None


class Change(NamedTuple):  # one for every append: a frozen dataclass of so many fields takes 2 us more
    """Everything that one commit changes; a store keeps all of it or nothing.

    `leaves` and `payloads` are of the records from `first` on, `mac` is kept with the last of them. `closed` names
    segments with the index of their manifest. `tiles` are whole and replace their like. `answered` gives requests
    their answer, and takes their body.
    """

    first: int = 0
    leaves: Sequence[bytes] = ()
    payloads: Sequence[bytes] = ()
    memo: MemoRow | None = None
    forget_memos_before: int = 0
    opened: Sequence[SegmentRow] = ()
    closed: Sequence[tuple[int, int]] = ()
    destroyed: Sequence[Destruction] = ()
    answered: Sequence[RequestRow] = ()
    tiles: Sequence[Tile] = ()
    checkpoint: CheckpointRow | None = None
    mac: bytes | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of another copy of the same log, to be kept as they are.

    `records` follow those that are there, `shredded` names some of those that are there whose payloads are gone;
    everything else replaces its like. `memos`, unless None, are all that there are from now on. `macs` are by the
    index of a record that is there, or comes now.
    """

    records: Sequence[RecordRow] = ()
    shredded: Sequence[int] = ()
    segments: Sequence[SegmentRow] = ()
    memos: Sequence[MemoRow] | None = None
    tiles: Sequence[Tile] = ()
    checkpoints: Sequence[CheckpointRow] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    macs: Mapping[int, bytes] = field(default_factory=dict)


class LogSource(Protocol):
    """Reads a log. Every method raises LogUnavailable, or LogDamaged when the store itself is corrupt."""

    async def fetch_meta(self) -> Mapping[str, str]:
        """Return the log's `format` and `origin`; empty for a new store."""

    async def fetch_newest_checkpoint(self) -> CheckpointRow | None:
        """Return the checkpoint with the highest `second`."""

    async def fetch_checkpoints(self, size: int, limit: int) -> list[CheckpointRow]:
        """Return kept checkpoints of at least `size` records, by size, at most `limit` of them."""

    async def fetch_checkpoints_after(self, second: int, limit: int) -> list[CheckpointRow]:
        """Return kept checkpoints of later seconds, in order, at most `limit` of them."""

    async def fetch_bounds(self) -> tuple[int, int] | None:
        """Return the lowest and the highest index that is stored."""

    async def fetch_rows(self, first: int, end: int) -> list[RecordRow]:
        """Return the records `first <= index < end` in order, those that exist."""

    async def fetch_leaves(self, first: int, end: int) -> list[bytes]:
        """Return just the leaves of `fetch_rows`."""

    async def fetch_macs(self, first: int, end: int) -> dict[int, bytes]:
        """Return the MACs of some of `fetch_rows`, by index; an earlier log has none."""

    async def fetch_destroyed(self, first: int, end: int) -> list[int]:
        """Return the indexes of those of `fetch_rows` whose payload was destroyed."""

    async def fetch_tiles(self, ids: Iterable[TileId]) -> dict[TileId, bytes]:
        """Return the hashes of the named tiles, those that exist; zeros may follow those of an unfinished one."""

    async def fetch_segments(self, first: int = 1, end: int = 2**62) -> list[SegmentRow]:
        """Return the segments `first <= number < end` in order."""

    async def fetch_open_segments(self) -> list[SegmentRow]:
        """Return the segments that have no manifest yet, in order."""

    async def fetch_last_segment(self) -> int:
        """Return the highest number of a segment, 0 when there is none."""

    async def fetch_memos(self, limit: int, before: int = 2**62) -> list[MemoRow]:
        """Return the newest `limit` memos with `first < before`, the newest first."""

    async def fetch_requests(self) -> list[RequestRow]:
        """Return all requests, in the order in which they came."""

    async def close(self) -> None:
        """Let go of the store."""


class RequestBox(Protocol):
    """Sends requests to the writer of a log, from another process. Every method raises LogUnavailable."""

    async def submit_request(self, id_: str, body: bytes) -> None:
        """Store a request, durably; do nothing if it exists and has no answer yet."""

    async def fetch_answer(self, id_: str) -> str | None:
        """Return the answer to a request, None while there is none."""

    async def withdraw_request(self, id_: str) -> None:
        """Remove a request, with its answer."""

    async def close(self) -> None:
        """Let go of the store."""


class LogStore(LogSource, Protocol):
    """Writes a log, as its only writer."""

    async def create(self, meta: Mapping[str, str], checkpoint: CheckpointRow) -> None:
        """Make the log in an empty store, durably."""

    async def take_lease(self) -> None:
        """Become the writer: from now on every other writer's `commit` raises LogFenced."""

    async def commit(self, change: Change) -> None:
        """Store a change, durably and as a whole; if it raises, the result is unknown until `reopen`.

        Raises LogFenced, and stores nothing, if another writer has the lease, and LogDamaged if it stored the change
        in something that is no longer this log.
        """

    def require_present(self) -> None:
        """Raise LogDamaged unless the store is still the one whose lease was taken; raises LogUnavailable.

        `commit` and `reopen` also do this, because nobody will read a removed or exchanged store again.
        """

    async def load(self, rows: Rows) -> None:
        """Keep rows of another copy of this log, durably and whole; raises as `commit` does."""

    async def reopen(self) -> None:
        """Connect again, so that the next read sees what a new process would see; keep lock and lease."""

    async def purge(self, *, requests_only: bool = False) -> None:
        """After a destruction: leave nothing of what was destroyed in files of the store beside the data.

        With `requests_only`, of the bodies of answered requests. Raises LogUnavailable while that cannot be done, as
        when a reader needs those files. It does not wait, because commits would have to wait with it.
        """
