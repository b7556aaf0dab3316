"""Whatever is appended, fails, is killed or comes at odd times: the log is whole, and no key serves two records."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.archive import seal
from components.archive.errors import LogUnavailable
from components.archive.head import NS_PER_SECOND
from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.segment import MAX_AGE_S
from components.archive.writer import Entry, LogWriter
from tests.support.archive import RECIPIENTS, SIGNER, START_S
from tests.support.faulty_store import FaultyStore, always
from tests.support.rounds import examples
from tests.support.sealed_log import assert_whole, read_leaves

Step = tuple[str, int]

# What can happen, with a number that says how much of it.
appends = st.tuples(
    st.sampled_from(["append", "append and fail before", "append and fail after"]), st.integers(0, 2**31)
)
waits = st.tuples(st.just("wait"), st.integers(-4000, 4000))
others = st.tuples(
    st.sampled_from(
        [
            "sign",
            "sign and fail before",
            "sign and fail after",
            "maintain",
            "maintain and fail before",
            "maintain and fail after",
            "integrate",
            "recover",
            "close",
            "close and fail before",
            "close and fail after",
            "kill",
        ]
    ),
    st.just(0),
)
steps = st.lists(st.one_of(appends, appends, waits, others), max_size=14)


@dataclass
class Life:
    """A log and all that happens to it; `said` are the payloads that its memos say were kept."""

    path: Path
    now_ns: int = START_S * NS_PER_SECOND
    said: list[bytes] = field(default_factory=list)
    number: int = 0
    waited_s: int = 0
    pairs: set[tuple[int, bytes]] = field(default_factory=set)
    keys: list[bytes] = field(default_factory=list)

    async def start(self) -> None:
        self.store = await FaultyStore.open(self.path)
        self.writer = await LogWriter.open_on(self.store, SIGNER, RECIPIENTS, lambda: self.now_ns)

    def batch(self, seed: int) -> list[Entry]:
        """Up to 40 records, or more than a segment holds, of three classes in an order that the seed gives."""
        count = 4000 + seed % 200 if seed % 97 == 0 else 1 + seed % 40
        classes = [1 + (seed >> place % 20) % 3 for place in range(count)]
        return [Entry(RecordKind.STANZA, b"%d/%d" % (self.number, n), c) for n, c in enumerate(classes)]

    async def take(self, step: Step) -> None:
        name, amount = step
        what, _, fault = name.partition(" and fail ")
        self.store.fail_before = always if fault == "before" else None
        self.store.fail_after = always if fault == "after" else None
        if what == "wait":
            self.waited_s += amount
            if self.waited_s > MAX_AGE_S:
                # A writer signs within a second: no tail goes over so long.
                self.store.heal()
                await self.writer.sign()
                self.waited_s = 0
            self.now_ns += amount * NS_PER_SECOND
            return
        self.number += 1
        batch = self.batch(amount) if what == "append" else []
        try:
            await self.do(what, batch)
            self.said += [entry.payload for entry in batch]
        except LogUnavailable:
            self.store.heal()
            if what == "close":
                await self.start()
            elif batch and await self.was_kept():
                self.said += [entry.payload for entry in batch]
        self.store.heal()

    async def do(self, what: str, batch: Sequence[Entry]) -> None:
        if what == "append":
            await self.writer.append(batch, memo=b"%d" % self.number)
        elif what == "integrate":
            self.writer.integrate()
        elif what == "kill":
            await self.store.close()
            await self.start()
        elif what == "close":
            await self.writer.close()
            await self.start()
        else:
            await {
                "sign": self.writer.sign,
                "maintain": self.writer.maintain,
                "recover": self.writer.recover,
            }[what]()

    async def was_kept(self) -> bool:
        await self.writer.recover()
        reader = await LogReader.open(self.path)
        memos = await reader.fetch_memos(1)
        await reader.close()
        return bool(memos) and memos[0].note == b"%d" % self.number

    def prepare(self, chain: bytes) -> seal.Seal:
        """Note with which key each record is sealed, also those that are never kept."""
        return NotedSeal(prepare_seal(chain), seal.advance(chain)[0], self.keys)  # type: ignore[return-value]


prepare_seal = seal.prepare_seal


class NotedSeal:
    def __init__(self, real: seal.Seal, record_key: bytes, keys: list[bytes]) -> None:
        self.chain = real.chain
        self._real, self._record_key, self._keys = real, record_key, keys

    def seal(self, header: bytes, payload: bytes) -> bytes:
        self._keys.append(self._record_key)
        return self._real.seal(header, payload)


async def live(path: Path, steps: Sequence[Step]) -> None:
    life = Life(path)
    with (
        patch("components.archive.draft.prepare_seal", life.prepare),
        patch("components.archive.writer.prepare_seal", life.prepare),
    ):
        await life.start()
        for step in steps:
            await life.take(step)
        await life.writer.recover()  # a writer in doubt leaves the rest to the next one
        await life.writer.close()
    assert len(set(life.keys)) == len(life.keys) >= len(life.said)
    leaves = [leaf for leaf in read_leaves(path) if leaf.segment]
    assert len({(leaf.segment, leaf.position) for leaf in leaves}) == len(leaves)
    times = [leaf.time_ns for leaf in read_leaves(path)]
    assert times == sorted(times)
    await assert_whole(path, life.said)


@pytest.mark.slow
@examples(40)
@given(steps)
def test_whatever_happens_the_log_is_whole(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live(Path(folder) / "gate.db", steps))
