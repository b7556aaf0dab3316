"""One verification of a log, from any source."""

import heapq
from collections.abc import Iterable, Sequence

from components.verifier.checkpoint import Head, KeyChain
from components.verifier.format import Source
from components.verifier.record import Records
from components.verifier.report import Findings, Report
from components.verifier.walk import Progress, Walk
from components.verifier.witness import Witnesses, parse_witnesses


class Verification:
    """The keys of a verification, and its results so far.

    `head` is the newest checkpoint, `walk` the pass over the records that it covers, after it has begun.
    """

    def __init__(
        self, chain: KeyChain, witness_vkeys: Sequence[str], *, witnesses_may_be_missing: bool
    ) -> None:
        self.chain = chain
        self.findings = Findings()
        self.witnesses = Witnesses(parse_witnesses(witness_vkeys), self.findings)
        self.head = Head(0, b"", "", "")
        self.walk: Walk | None = None
        self.pending = 0
        self.unchecked: list[str] = []
        self._witnesses_may_be_missing = witnesses_may_be_missing

    def parse_checkpoint(self, note: bytes, label: str) -> Head | None:
        """Parse a checkpoint and check its cosignatures; return None if it is wrong, or its key unknown."""
        try:
            head = self.chain.parse_head(note, label)
        except ValueError as error:
            self.findings.add("checkpoint-altered", None, f"{label}: {error}")
            return None
        if head is not None:
            self.witnesses.look_at(note, head)
        return head

    def parse_known(self, notes: Sequence[str]) -> list[Head]:
        """Parse the checkpoints that were kept elsewhere; returns them by size."""
        parsed = [
            self.parse_checkpoint(note.encode(), f"known checkpoint {number}")
            for number, note in enumerate(notes, 1)
        ]
        return sorted((head for head in parsed if head is not None), key=lambda head: head.size)

    def go_through(
        self,
        source: Source,
        records: Records,
        stored: Iterable[Head],
        known: Iterable[Head],
        progress: Progress,
    ) -> Walk:
        """Check everything under the head, and all checkpoints: those of the log, and those kept elsewhere."""
        heads = heapq.merge(stored, known, key=lambda each: each.size)
        self.walk = Walk(source, self.head, heads, records, self.findings)
        self.walk.run(progress)
        return self.walk

    def report(self) -> Report:
        """Return the report."""
        witnessed = self.witnesses.finish(may_be_missing=self._witnesses_may_be_missing)
        unchecked = tuple(self.unchecked)
        if self.walk is None:
            return Report(0, "", self.findings.problems(), witnesses=witnessed, unchecked=unchecked)
        records = self.walk.records
        records.states.close()
        return Report(
            self.head.size,
            self.head.text,
            self.findings.problems(),
            self.pending,
            self.walk.agreeing,
            records.states.counts if records.has_payloads else {},
            tuple(records.states.ranges),
            records.states.left_out,
            witnessed,
            unchecked,
        )


def ignore_progress(_done: int, _total: int) -> None:
    """Ignore progress."""
