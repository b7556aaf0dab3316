"""Verifies a log in its database, from the first record to the records that no checkpoint covers yet."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from components.verifier.blobs import Blobs
from components.verifier.checkpoint import Head, KeyChain, parse_log_keys
from components.verifier.database import Database, open_database
from components.verifier.format import FORMAT, NS_PER_SECOND, Leaf, parse_row
from components.verifier.ledger import Ledger
from components.verifier.note import Key, parse_keys
from components.verifier.recipients import Recipients, parse_recipients
from components.verifier.record import Records
from components.verifier.report import Report
from components.verifier.segment import Segments
from components.verifier.verification import Verification, ignore_progress
from components.verifier.walk import Progress

MAX_PENDING_NS = 600 * NS_PER_SECOND
CHUNK_RECORDS = 4096


def verify_log(  # noqa: PLR0913, PLR0917 - all that may be known beside a log
    path: str | Path,
    public_key_vkeys: str,
    progress: Progress | None = None,
    known_checkpoints: Sequence[str] = (),
    witness_vkeys: Sequence[str] = (),
    approver_vkeys: Sequence[str] = (),
    witnesses_may_be_missing: bool = False,
    blobs: Path | None = None,
    recipients: Sequence[str] = (),
) -> Report:
    """Verify the log in the SQLite database `path`, one snapshot of it if it is being written to.

    `public_key_vkeys` are C2SP verifier keys of the log, one a line: the first one, or a later one to leave earlier
    checkpoints unchecked. `progress(done, total)` gets counts of records; `known_checkpoints` are signed notes that
    were kept elsewhere. Each of the witnesses must have cosigned one of the checkpoints, unless witnesses may be
    missing. Without `approver_vkeys` the signatures of orders are not checked. Nobody but the `recipients`, public
    keys as text, may be able to open a record, if any are given. Memory does not grow with the log,
    but with the files that its records name, if they are in the folder `blobs` and verified, too.
    Raises UsageError if there is no such file or no such key; the report has everything else that is wrong.
    """
    chain = KeyChain(parse_log_keys(public_key_vkeys))
    verification = Verification(chain, witness_vkeys, witnesses_may_be_missing=witnesses_may_be_missing)
    intact, readers = 0, Recipients(parse_recipients(recipients), verification.findings)
    approvers = [key for vkeys in approver_vkeys for key in parse_keys(vkeys)]
    try:
        with closing(open_database(Path(path))) as connection:
            database = Database(connection)
            log = Log(database, verification, approvers, readers)
            log.verify(known_checkpoints, progress or ignore_progress)
            if blobs is not None:
                found = Blobs(database, blobs, verification.findings)
                intact = found.verify(ignore_progress)
    except (sqlite3.Error, UnicodeDecodeError) as error:  # some of SQLite's messages quote damaged bytes
        verification.findings.add("database-damaged", None, f"the database cannot be read on: {error}")
    return replace(verification.report(), blobs=intact, recipients=readers.found())


class Log:
    """A log that is verified from its database."""

    def __init__(
        self, database: Database, verification: Verification, approvers: Sequence[Key], recipients: Recipients
    ) -> None:
        self._database = database
        self._verification = verification
        self._chain = verification.chain
        self._findings = verification.findings
        self._ledger = Ledger(self._chain, approvers, database.find_leaf, self._findings)
        self._segments = Segments(self._ledger, database.fetch_segment, self._findings, recipients)

    def verify(self, known_checkpoints: Sequence[str], progress: Progress) -> None:
        """Check everything in the database."""
        self._check_meta()
        self._read_ledger()
        known = self._verification.parse_known(known_checkpoints)
        newest = self._find_newest_head()
        if newest is None:
            self._findings.add("checkpoint-missing", None, f"no checkpoint is signed by {self._chain.origin}")
        else:
            self._verification.head = newest
        self._chain.unknown = 0
        head = self._verification.head
        stored = self._read_heads() if newest else iter(())
        records = Records(self._ledger, self._segments, self._findings, head.size, has_payloads=True)
        walk = self._verification.go_through(self._database, records, stored, known, progress)
        self._verification.pending = self._check_pending(head.size, records)
        self._segments.finish()
        self._segments.count_rows(*self._database.count("count(*) FROM segment"))
        self._check_beyond(head.size, walk.found)
        self._name_unchecked()

    def _check_meta(self) -> None:
        """Check that the database says it is this log, in a format that is known here."""
        meta = self._database.fetch_meta()
        for name, expected in ((b"format", FORMAT), (b"origin", self._chain.origin.encode())):
            if meta.get(name) != expected:
                detail = f"{name.decode()} is {meta.get(name)!r}, not {expected!r}"
                self._findings.add("meta-altered", None, detail)

    def _read_ledger(self) -> None:
        for record in self._database.read_ledger():
            self._ledger.incomplete = self._database.lost_ledger
            self._ledger.add(*record)
        self._ledger.finish()
        self._database.surplus.clear()

    def _find_newest_head(self) -> Head | None:
        """Find the newest checkpoint with a right signature: the largest one, if one is out of place."""
        orders = ("second DESC", "size DESC")
        found = [self._find_first_head(self._database.fetch_checkpoints(order)) for order in orders]
        heads = [head for head in found if head is not None]
        return max(heads, key=lambda head: head.size, default=None)

    def _find_first_head(self, rows: Iterable[tuple[int, int, bytes]]) -> Head | None:
        for second, _size, note in rows:
            try:
                head = self._chain.parse_head(note, f"the checkpoint of second {second}", second)
            except ValueError:  # named by _read_heads
                continue
            if head is not None:
                return head
        return None

    def _read_heads(self) -> Iterator[Head]:
        """Read the stored checkpoints in order, and report those that are wrong by themselves."""
        last_size = 0
        for second, size, note in self._database.fetch_checkpoints():
            label = f"the checkpoint of second {second}"
            try:
                head = self._chain.parse_head(note, label, second)
            except ValueError as error:
                self._findings.add("checkpoint-altered", None, f"{label}: {error}")
                continue
            if head is None:
                continue
            if type(second) is not int:
                self._findings.add("checkpoint-altered", None, f"{label}: the second is no number")
            if size != head.size:
                detail = f"{label}: of {head.size} records, kept as of {size}"
                self._findings.add("checkpoint-altered", None, detail)
            if head.size < last_size:
                detail = f"{label} is of fewer records than one before it"
                self._findings.add("checkpoint-order", None, detail)
                continue
            last_size = head.size
            self._verification.witnesses.look_at(note, head)
            yield head

    def _check_pending(self, first_index: int, records: Records) -> int:
        """Check the records behind the newest checkpoint; return how many of them follow it correctly."""
        index, first_time_ns = first_index, None
        while rows := self._database.fetch_rows(index, index + CHUNK_RECORDS):
            for row in rows:
                leaf = parse_row(row) if row[0] == index else None
                if leaf is None or not self._is_next(leaf, row[2], records.time_ns):
                    detail = "this record and those after it are under no checkpoint, and do not follow it"
                    self._findings.add("record-unsigned", index, detail)
                    self._segments.doubt()
                    return index - first_index
                records.follow(index, leaf, row[2])
                first_time_ns = leaf.time_ns if first_time_ns is None else first_time_ns
                index += 1
        if first_time_ns is not None and records.time_ns - first_time_ns > MAX_PENDING_NS:
            detail = f"{index - first_index} records of more than ten minutes are under no checkpoint"
            self._findings.add("record-unsigned", first_index, detail)
        return index - first_index

    def _is_next(self, leaf: Leaf, payload: bytes | None, time_ns: int) -> bool:
        """Return whether a record may follow one of `time_ns`: its time, its payload unless that was destroyed."""
        if payload is None:
            return self._ledger.find_tombstone(leaf.segment, leaf.position) is not None
        return leaf.time_ns >= time_ns and leaf.names(payload)

    def _check_beyond(self, size: int, found: int) -> None:
        """Look for records outside the range, at both ends."""
        (before, lowest) = self._database.count("count(*), min(idx) FROM record WHERE idx < 0")
        if before:
            self._findings.add("record-unsigned", lowest, f"{before} records are before the first")
        (behind,) = self._database.count(f"count(*) FROM record WHERE idx >= {size}")
        (total,) = self._database.count("count(*) FROM record")
        if total != found + before + behind:
            detail = f"going through the records gives {total}, looking them up {found + before + behind}"
            self._findings.add("database-damaged", None, detail)
        self._database.check_surplus(size, self._findings)

    def _name_unchecked(self) -> None:
        unchecked = self._verification.unchecked
        if self._chain.unknown:
            checkpoints = f"{self._chain.unknown} checkpoints of an earlier key of the log"
            unchecked.append(f"{checkpoints}, which was not given")
        if self._ledger.orders_unchecked:
            signatures = f"the signatures of {self._ledger.orders_unchecked} orders"
            unchecked.append(f"{signatures}, as no approver's key was given")
