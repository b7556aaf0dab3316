"""The pass over all records: checks leaves against tiles, and each checkpoint when the tree has its size."""

from collections.abc import Callable, Iterator
from hashlib import sha256

from components.verifier.checkpoint import Head
from components.verifier.format import NS_PER_SECOND, TILE_WIDTH, Row, Source
from components.verifier.record import Records
from components.verifier.report import Findings
from components.verifier.stored_tree import Arbitration, StoredTree
from components.verifier.tree import Tree

Progress = Callable[[int, int], None]
PROGRESS_EVERY_TILES = 64


class Walk:
    """One pass over the records under `head`, a tile (256 records) at a time.

    `heads` are all checkpoints by size; `agreeing` counts those that match, `found` counts the existing records.
    """

    def __init__(
        self, source: Source, head: Head, heads: Iterator[Head], records: Records, findings: Findings
    ) -> None:
        self._source = source
        self._size = head.size
        self._heads = heads
        self._next_head = next(heads, None)
        self.records = records
        self._findings = findings
        self._tree = Tree()
        self._stored = StoredTree(source, self._tree, head.size, head.root, findings)
        self._gap_start: int | None = None
        self._fitting_size = 0
        self._unfit: list[Head] = []
        self.found = 0
        self.agreeing = 0

    def run(self, progress: Progress) -> None:
        """Check everything under the head."""
        size = self._size
        self._compare_heads(0, 0)
        for n in range(-(-size // TILE_WIDTH)):
            first, end = n * TILE_WIDTH, min(size, (n + 1) * TILE_WIDTH)
            self._tree.add_tile(self._check_tile(n, first, end))
            self._compare_heads(first, end)
            self._stored.check_upper_tiles(end, last=end == size)
            if n % PROGRESS_EVERY_TILES == 0:
                progress(end, size)
        progress(size, size)
        self._close_gap(size)
        self.records.states.close()
        self._report_unfit()
        self._report_heads_beyond()

    def _check_tile(self, n: int, first: int, end: int) -> list[bytes]:
        """Check the records of one tile; return the hashes that the tree goes on with."""
        rows = self._source.fetch_rows(first, end)
        self.found += len(rows)
        self.records.begin_tile()
        leaf_hashes = [sha256(b"\x00" + leaf).digest() for _index, leaf, _payload in rows]
        tile = self._source.fetch_tile(0, n, end - first)
        in_place = [row[0] for row in rows] == list(range(first, end))
        if in_place and b"".join(leaf_hashes) == tile:
            self._close_gap(first)
            self.records.check_tile(first, end, rows)
            return leaf_hashes
        by_index = {row[0]: row for row in rows}
        if len(by_index) != len(rows):
            self._findings.add("database-damaged", first, f"records of tile 0/{n} are there more than once")
        places = {row[0]: leaf_hash for row, leaf_hash in zip(rows, leaf_hashes, strict=True)}
        arbitration = self._stored.arbitrate(n, first, end, places, tile)
        for index in range(first, end):
            self._check_record(index, by_index.get(index), arbitration)
        return arbitration.hashes

    def _check_record(self, index: int, row: Row | None, arbitration: Arbitration) -> None:
        if row is None:
            self._gap_start = index if self._gap_start is None else self._gap_start
            self.records.count_lost(index, "MISSING")
            return
        self._close_gap(index)
        if index in arbitration.altered:
            self._stored.name_altered_leaf(index, row[1])
            self.records.count_lost(index, "FORGED")
        elif index in arbitration.doubtful:
            self.records.count_lost(index, "FORGED")
        else:
            self.records.check(*row)

    def _close_gap(self, end: int) -> None:
        if self._gap_start is not None:
            start, self._gap_start = self._gap_start, None
            kind, detail = "record-missing", "are missing"
            if end == self._size:
                kind, detail = "log-truncated", "are missing: the log ends before its checkpoint does"
            self._findings.add(kind, start, f"records {start} to {end - 1} {detail}")

    def _compare_heads(self, first: int, end: int) -> None:
        """Compare the checkpoints whose size the tree has reached with the tile from `first` to `end`."""
        while self._next_head is not None and self._next_head.size <= end:
            head = self._next_head
            self._check_second(head)
            if head.root != self._tree.root_at(head.size - first):
                self._unfit.append(head)
                del self._unfit[1:-1]
            else:
                self._report_forked()
                self._unfit, self._fitting_size = [], head.size
                self.agreeing += 1
                self.records.states.mark(head.size, end)
            self._next_head = next(self._heads, None)

    def _check_second(self, head: Head) -> None:
        time_ns = self.records.find_time_ns(head.size - 1) if head.size else 0
        if head.second is None or time_ns is None:  # kept elsewhere, or its record is gone
            return
        if head.second != time_ns // NS_PER_SECOND:
            detail = f"{head.label} is not of the second of its last record"
            self._findings.add("checkpoint-altered", None, detail)

    def _report_forked(self) -> None:
        if self._unfit:
            labels = " to ".join(dict.fromkeys(head.label for head in self._unfit))
            detail = f"{labels}: signed, but of other records than those that later checkpoints cover"
            self._findings.add("checkpoint-forked", None, detail)

    def _report_unfit(self) -> None:
        """Report the checkpoints that no longer match, and none after them."""
        if self._unfit and self._unfit[0].size == self._fitting_size:
            self._report_forked()
        elif self._unfit:
            first = self._unfit[0]
            span = f"records {self._fitting_size} to {first.size - 1}"
            detail = f"{span} do not give the root of {first.label}, nor of those after it"
            self._findings.add("root-mismatch", self._fitting_size, detail)
            self.records.states.condemn(self._fitting_size, self._size - 1)

    def _report_heads_beyond(self) -> None:
        while self._next_head is not None:
            detail = f"{self._next_head.label} is of {self._next_head.size} records, this log of {self._size}"
            self._findings.add("log-truncated", self._size, detail)
            self._next_head = next(self._heads, None)
