"""Segments, from the beginning to the end of each (docs/archive-format.md, section 5)."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from components.verifier.format import MANIFEST, SEGMENT, parse_object
from components.verifier.ledger import Ledger, Shredding
from components.verifier.recipients import Recipients
from components.verifier.report import Findings

SEGMENT_TYPES = {"segment": int, "retention_class": int, "keys_sha256": str, "recipients": list}
MANIFEST_TYPES = dict.fromkeys(("segment", "retention_class", "count", "first", "last"), int)


class SegmentRow(NamedTuple):
    """The database's row of a segment, beside the log."""

    retention_class: object
    first: object
    opened_at_ns: object
    manifest: object
    keys: bytes | None


@dataclass(slots=True)
class Segment:
    """A segment that has begun and not ended; the report says nothing about a `doubtful` one."""

    number: int
    retention_class: int
    doubtful: bool = False
    count: int = 0
    first: int = -1
    last: int = -1
    manifest: object = None


class Segments:
    """Follows every segment from its beginning to its end; `rows` finds the database's row of one.

    Without `rows`, if only leaves can be read, a segment begins with its first record.
    """

    def __init__(
        self,
        ledger: Ledger,
        rows: Callable[[int], SegmentRow | None] | None,
        findings: Findings,
        recipients: Recipients | None = None,
    ) -> None:
        self._ledger = ledger
        self._rows = rows
        self._findings = findings
        self._recipients = recipients
        self._open: dict[int, Segment] = {}
        self._newest: dict[int, int] = {}
        self._last = 0
        self._lost = False
        self.kept = 0

    def add(self, number: int, retention_class: int, position: int, index: int, count: int = 1) -> None:
        """Take sealed records at neighbouring positions and indexes."""
        segment = self._open.get(number) or self._imply(number, retention_class, position, index)
        found, expected = (retention_class, position), (segment.retention_class, segment.count)
        if found != expected and not segment.doubtful:
            said = f"it says that it is number {position} of segment {number}"
            self._findings.add("segment-altered", index, f"{said}, which has {segment.count} by now")
            segment.doubtful = True
        segment.first = index if segment.count == 0 else segment.first
        segment.last = index + count - 1
        segment.count += count

    def add_own(self, kind: int, index: int, time_ns: int, payload: bytes | None) -> None:
        """Take one of the log's own records; without its payload, its content is unknown."""
        if kind not in (SEGMENT, MANIFEST) or self._rows is None:
            return
        if payload is None:
            self.doubt()
        elif kind == SEGMENT:
            self._begin(index, time_ns, payload)
        else:
            self._end(index, payload)

    def doubt(self) -> None:
        """Report nothing more about segments to which an unreadable record may have belonged."""
        self._lost = True
        for segment in self._open.values():
            segment.doubtful = True

    def finish(self) -> None:
        """Check the segments that are open when the log ends."""
        for segment in self._open.values():
            if segment.manifest is not None and not segment.doubtful:
                detail = f"segment {segment.number} has ended, says the database, but not in the log"
                self._findings.add("segment-altered", None, detail)
            self._check_expiry(segment)

    def count_rows(self, found: int) -> None:
        """Compare the number of segments with the database's."""
        if found != self.kept and not self._lost:
            detail = f"the database keeps {found} segments, {self.kept} of which are in the log"
            self._findings.add("segment-altered", None, detail)

    def _imply(self, number: int, retention_class: int, position: int, index: int) -> Segment:
        if self._rows is not None and not self._lost:
            detail = f"its segment {number} has not begun, or has ended before"
            self._findings.add("segment-altered", index, detail)
        begins = self._rows is None and position == 0 and number > self._newest.get(retention_class, 0)
        if begins:
            self._open.pop(self._newest.get(retention_class, 0), None)
            self._newest[retention_class] = number
        elif self._rows is None and not self._lost:
            detail = f"it is number {position} of segment {number}, whose first record is not before it"
            self._findings.add("segment-altered", index, detail)
        self._open[number] = Segment(number, retention_class, doubtful=not begins)
        return self._open[number]

    def _begin(self, index: int, time_ns: int, payload: bytes) -> None:
        opened = parse_object(payload, SEGMENT_TYPES)
        number = opened["segment"] if opened else 0
        if opened is None or (number != self._last + 1 and not self._lost):
            self._findings.add("segment-altered", index, "not the beginning of the next segment")
            self.doubt()
            return
        segment = Segment(number, opened["retention_class"])
        self._end_silently(self._newest.get(segment.retention_class, 0), index)
        self._last = max(self._last, number)
        self._newest[segment.retention_class] = number
        self._open[number] = segment
        self._check_row(segment, index, time_ns, opened["keys_sha256"])

    def _end_silently(self, number: int, index: int) -> None:
        segment = self._open.pop(number, None)
        if segment is not None and not segment.doubtful:
            detail = f"segment {number} has no end, though a later one of its class begins here"
            self._findings.add("segment-altered", index, detail)

    def _end(self, index: int, payload: bytes) -> None:
        manifest = parse_object(payload, MANIFEST_TYPES)
        segment = self._open.pop(manifest["segment"], None) if manifest else None
        if manifest is None or segment is None:
            if not self._lost:
                self._findings.add("segment-altered", index, "a manifest of no segment that is open")
            return
        if segment.doubtful:
            return
        found = (segment.number, segment.retention_class, segment.count, segment.first, segment.last)
        if found != tuple(manifest.values()):
            detail = f"the records of segment {segment.number} are not those of its manifest"
            self._findings.add("segment-altered", index, detail)
        elif segment.manifest != index:
            detail = f"the end of segment {segment.number} is record {segment.manifest}, says the database"
            self._findings.add("segment-altered", index, detail)
        self._check_expiry(segment)

    def _check_row(self, segment: Segment, index: int, time_ns: int, keys_sha256: str) -> None:
        row = self._rows(segment.number) if self._rows is not None else None
        if row is None:
            detail = f"the database keeps nothing of segment {segment.number}"
            self._findings.add("keys-missing", index, detail)
            segment.doubtful = True
            return
        self.kept += 1
        segment.manifest = row.manifest
        if row[:3] != (segment.retention_class, index, time_ns):
            what = f"where and when segment {segment.number} begins, or its class"
            self._findings.add("segment-altered", index, f"the database says otherwise {what}")
        self._check_keys(segment.number, index, row.keys, keys_sha256)

    def _check_keys(self, number: int, index: int, keys: bytes | None, keys_sha256: str) -> None:
        shredding = self._ledger.shreddings.get(number, Shredding())
        digests = [keys_sha256, *shredding.keys]
        found = sha256(keys).hexdigest() if keys is not None else None
        name = f"the envelopes of segment {number} are"
        if shredding.expired is not None:
            if found is not None:
                self._findings.add("not-destroyed", index, f"{name} still there, though it has expired")
        elif found is None:
            self._findings.add("keys-missing", index, f"{name} gone, and no tombstone says so")
        elif found != digests[-1]:
            if found in digests:
                self._findings.add("not-destroyed", index, f"{name} those from before an erasure")
            else:
                self._findings.add("keys-altered", index, f"{name} not the ones that the log names")
        elif keys is not None and self._recipients is not None:
            self._recipients.look_at(number, index, keys)

    def _check_expiry(self, segment: Segment) -> None:
        shredding = self._ledger.shreddings.get(segment.number)
        if shredding is None or shredding.expired is None or segment.doubtful:
            return
        destroyed = segment.count - len(shredding.single)
        if shredding.expired_count != destroyed:
            detail = f"of segment {segment.number}, {destroyed} payloads were there to be destroyed"
            found = f"the tombstones say {shredding.expired_count}"
            self._findings.add("order-invalid", shredding.expired[0], f"{detail}; {found}")
