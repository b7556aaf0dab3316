"""What a follower does about files: which it asks for, in which order, and what it does when they do not come."""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.errors import BlobUnavailable
from components.archive.blobs.head import BlobHead
from components.archive.blobs.reader import BlobState
from components.archive.blobs.store import destroy_blob
from components.archive.follow.file_copies import FileCopies
from components.archive.follow.files import encode_heads
from components.archive.follow.referred import ReferredFiles
from components.archive.orders.order import OrderAct
from components.archive.record import RecordKind
from components.archive.served_log import ServedLog
from components.archive.store.sqlite_source import SqliteSource
from components.archive.writer import Entry
from components.follow.client import FeedLacks, FeedRefused, FeedUnavailable
from components.follow.files import FileFollower
from tests.support.archive import open_writer
from tests.support.blobs import content, names, open_reader
from tests.support.file_copying import Link, put
from tests.support.orders import make_erasure, make_executor, make_request, submit

MIB = 1 << 20


class Machine:
    """A machine with the log of files, the link to a site, and a clock that a test sets."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "transfer.db"
        self.link = Link(root / "site")
        self.now_s = 1000.0
        self.destructions = 0
        self.largest_bytes = 100 * MIB

    @property
    def files(self) -> Path:
        return self.root / "machine"

    async def record(self, *heads: BlobHead) -> list[int]:
        """Record that these files were received, and return the indexes of the records."""
        writer = await open_writer(self.log)
        entries = [Entry(RecordKind.FILE, b"{}", 1, head.address.mark) for head in heads]
        first = await writer.append(entries)
        await writer.sign()
        await writer.close()
        return list(range(first, first + len(heads)))

    async def send(self, data: bytes) -> tuple[BlobHead, int]:
        head = await put(self.link.root, data)
        return head, (await self.record(head))[0]

    async def erase(self, *records: int, considered: tuple[str, ...] = ()) -> None:
        """Destroy records by an order, as the log's writer does."""
        await submit(self.log, await make_erasure(self.log, f"erase-{records[0]}", records, considered))
        writer = await open_writer(self.log)
        source = await SqliteSource.open(self.log)
        await make_executor(writer, source).serve()
        await source.close()
        await writer.close()
        self.destructions += 1

    def start(self) -> FileFollower:
        return FileFollower(
            ServedLog(self.log),
            "transfer",
            "transfer",
            self.link,
            FileCopies(self.files, free_bytes=lambda _folder: 1 << 50),
            ReferredFiles(self.files / "asked.db"),
            self.largest_bytes,
            lambda: self.destructions,
            clock_s=lambda: self.now_s,
        )

    async def run(self) -> FileFollower:
        """Start, copy what there is, and stop; return what did it."""
        follower = self.start()
        try:
            while await follower.step():
                pass
            self.counted = follower.count()
        finally:
            await follower.close()
        return follower

    async def state_of(self, head: BlobHead) -> BlobState:
        return (await open_reader(DirectoryObjects(self.files)).check(head.address)).state


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_new_files_come_before_old_ones_and_each_once(machine: Machine) -> None:
    sent = [await machine.send(content(1000, number)) for number in range(4)]
    (again,) = await machine.record(sent[1][0])
    await machine.run()
    newest_first = [record for record, _start in machine.link.asked]
    assert newest_first == [again, sent[3][1], sent[2][1], sent[0][1]]
    assert (machine.counted.here, machine.counted.waiting) == (4, 0)
    assert [await machine.state_of(head) for head, _record in sent] == [BlobState.INTACT] * 4


async def test_after_a_start_nothing_is_asked_for_again(machine: Machine) -> None:
    await machine.send(content(1000))
    await machine.run()
    # Not even heads, which would be refused.
    machine.link.error = FeedRefused("nothing more")
    await machine.run()
    assert machine.counted.here == 1


async def test_what_was_lost_on_the_machine_comes_again_at_the_next_start(machine: Machine) -> None:
    head, _record = await machine.send(content(1000))
    await machine.run()
    for path in (machine.files / "data").rglob("*/*"):
        path.unlink()
    await machine.run()
    assert await machine.state_of(head) is BlobState.INTACT


@pytest.mark.parametrize("damage", ["none", "garbage", "another layout"])
async def test_what_was_asked_for_may_be_forgotten(machine: Machine, damage: str) -> None:
    head, _record = await machine.send(content(1000))
    await machine.run()
    before = await names(DirectoryObjects(machine.files))
    for path in machine.files.glob("asked.db*"):
        path.unlink()
    if damage == "garbage":
        (machine.files / "asked.db").write_bytes(b"garbage" * 1000)
    elif damage == "another layout":
        with closing(sqlite3.connect(machine.files / "asked.db")) as database, database:
            database.execute("CREATE TABLE file (record INTEGER)")
    machine.link.asked.clear()
    await machine.run()
    assert machine.counted.here == 1
    assert machine.link.asked == []
    assert await names(DirectoryObjects(machine.files)) == before
    assert await machine.state_of(head) is BlobState.INTACT


async def test_a_file_that_is_cut_is_gone_on_with(machine: Machine) -> None:
    head, record = await machine.send(content(300_000))
    machine.link.cut_after = 100_000
    for _ in range(3):
        with pytest.raises(FeedUnavailable):
            await machine.run()
    await machine.run()
    assert machine.link.asked == [(record, start) for start in (0, 100_000, 200_000, 300_000)]
    assert await machine.state_of(head) is BlobState.INTACT


async def test_one_file_that_cuts_the_link_does_not_keep_others_from_coming(machine: Machine) -> None:
    other, _record = await machine.send(content(50))
    await machine.send(content(300_000))
    machine.link.cut_after = 1000
    with pytest.raises(FeedUnavailable):
        await machine.run()
    # Started again, it forgets that; running on, it does not.
    follower = machine.start()
    with suppress(FeedUnavailable):
        await follower.step()
    assert await follower.step()
    await follower.close()
    assert await machine.state_of(other) is BlobState.INTACT


def another(data: bytes) -> bytes:
    return bytes(len(data))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (another, "another SHA-256"),
        (lambda data: data * 3, "longer"),
        (lambda data: data + b"!", "longer"),
    ],
    ids=["wrong bytes", "without an end", "a little too long"],
)
async def test_wrong_data_are_named_and_the_others_come(
    machine: Machine, change: Callable[[bytes], bytes], said: str
) -> None:
    wrong, record = await machine.send(content(1000))
    machine.link.change = change
    await machine.run()
    (fault,) = machine.counted.faults
    assert fault.startswith(f"transfer/{record}: ")
    assert said in fault
    machine.link.change = lambda data: data
    right, _record = await machine.send(content(2000))
    follower = machine.start()
    while await follower.step():
        pass
    assert await machine.state_of(right) is BlobState.INTACT
    await follower.close()
    assert await machine.state_of(wrong) is BlobState.INTACT


async def test_the_heads_of_another_file_are_not_taken(machine: Machine) -> None:
    wrong, _record = await machine.send(content(1000))
    other = await put(machine.link.root, b"another")
    machine.link.change_heads = lambda heads: heads.replace(
        str(wrong.address).encode(), str(other.address).encode()
    )
    await machine.run()
    assert "another file" in machine.counted.faults[0]
    assert await names(DirectoryObjects(machine.files)) == []


async def test_a_blob_that_is_here_is_not_exchanged(machine: Machine) -> None:
    """Whoever runs the site cannot have evidence replaced by another content under the same address."""
    head, _record = await machine.send(b"what was sent")
    await machine.run()
    before = await names(DirectoryObjects(machine.files))
    other = await put(machine.link.root, b"what somebody wishes had been sent")
    forged = replace(other, address=head.address)
    machine.link.change_heads = lambda _heads: encode_heads([forged])
    await machine.record(head)
    await machine.run()
    assert await names(DirectoryObjects(machine.files)) == before
    assert await machine.state_of(head) is BlobState.INTACT


@pytest.mark.slow
async def test_a_missing_file_is_named_and_asked_for_later_and_later(machine: Machine) -> None:
    head, record = await machine.send(content(1000))
    machine.link.error = FeedLacks("not whole at the site")
    follower = machine.start()
    assert await follower.step()
    assert follower.count().faults == [f"transfer/{record}: not whole at the site"]
    assert not await follower.step()
    waits = []
    for _ in range(12):
        before = machine.now_s
        while not await follower.step():
            machine.now_s += 5
        waits.append(machine.now_s - before)
    assert waits == sorted(waits)
    assert waits[0] <= 30
    assert waits[-1] == 3600
    machine.link.error = None
    machine.now_s += 3600
    while await follower.step():
        pass
    assert follower.count().faults == []
    await follower.close()
    assert await machine.state_of(head) is BlobState.INTACT


async def test_a_site_that_destroys_without_an_order_is_named(machine: Machine) -> None:
    head, record = await machine.send(content(1000))
    await destroy_blob(DirectoryObjects(machine.link.root), head.address, "no order")
    await machine.run()
    assert machine.counted.faults == [f"transfer/{record}: is destroyed at the site, without an order"]
    kept, _record = await machine.send(content(2000))
    await machine.run()
    await destroy_blob(DirectoryObjects(machine.link.root), kept.address, "no order")
    await machine.run()
    assert await machine.state_of(kept) is BlobState.INTACT


async def test_a_refused_machine_asks_for_no_more(machine: Machine) -> None:
    for number in range(3):
        await machine.send(content(1000, number))
    machine.link.error = FeedRefused("this certificate is not listed here")
    with pytest.raises(FeedRefused):
        await machine.run()
    machine.link.error = None
    await machine.run()
    assert machine.counted.here == 3


async def test_a_file_goes_after_its_last_record_and_by_the_order_of_that(machine: Machine) -> None:
    head, first = await machine.send(content(1000))
    (second,) = await machine.record(head)
    await machine.run()
    await machine.erase(first)
    await machine.run()
    assert await machine.state_of(head) is BlobState.INTACT
    follower = machine.start()
    assert not await follower.step()
    await machine.erase(second)
    assert not await follower.step()
    await follower.close()
    assert await machine.state_of(head) is BlobState.DESTROYED
    assert f"erase-{second}" in (machine.files / head.address.head_name).read_text()
    assert not [name for name in await names(DirectoryObjects(machine.files)) if name.startswith("data/")]


async def test_what_had_come_of_a_file_goes_with_its_record(machine: Machine) -> None:
    _head, record = await machine.send(content(300_000))
    machine.link.cut_after = 100_000
    with pytest.raises(FeedUnavailable):
        await machine.run()
    await machine.erase(record)
    machine.link.cut_after = None
    await machine.run()
    assert await names(DirectoryObjects(machine.files)) == []


async def test_an_expired_segment_takes_its_files_along(machine: Machine) -> None:
    head, _record = await machine.send(content(1000))
    await machine.run()
    source = await SqliteSource.open(machine.log)
    (row,) = [each for each in await source.fetch_segments() if each.retention_class == 1]
    await submit(machine.log, make_request(OrderAct.EXPIRE, "expiry-1", segments=(row.number,)))
    writer = await open_writer(machine.log)
    await make_executor(writer, source).serve()
    await source.close()
    await writer.close()
    await machine.run()
    assert await machine.state_of(head) is BlobState.DESTROYED
    assert "expiry-1" in (machine.files / head.address.head_name).read_text()


async def test_a_copy_of_the_log_that_was_taken_away_destroys_nothing(machine: Machine) -> None:
    """It is not the log that is short: files go only where it says that their records are destroyed."""
    head, _record = await machine.send(content(1000))
    await machine.run()
    for path in machine.root.glob("transfer.db*"):
        path.unlink()
    await machine.run()
    other, _number = await machine.send(content(2000))
    await machine.run()
    assert await machine.state_of(head) is BlobState.INTACT
    assert await machine.state_of(other) is BlobState.INTACT


async def test_large_files_wait_until_they_are_asked_for_also_over_a_start(machine: Machine) -> None:
    machine.largest_bytes = 1500
    small, _small = await machine.send(content(1000))
    large, record = await machine.send(content(300_000))
    await machine.run()
    counted = machine.counted
    assert (counted.here, counted.left_out, counted.waiting, list(counted.faults)) == (1, 1, 0, [])
    assert await machine.state_of(large) is BlobState.MISSING
    machine.link.cut_after = 1000
    follower = machine.start()
    await follower.step()
    assert await follower.answer(record) is None
    with pytest.raises(FeedUnavailable):
        await follower.step()
    assert await follower.answer(record) is None
    await follower.close()
    machine.link.cut_after = None
    await machine.run()
    assert await machine.state_of(large) is BlobState.INTACT
    assert await machine.state_of(small) is BlobState.INTACT


async def test_who_asks_for_a_file_that_does_not_come_is_told_why(machine: Machine) -> None:
    machine.largest_bytes = 10
    _head, record = await machine.send(content(1000))
    follower = machine.start()
    while await follower.step():
        pass
    machine.link.error = FeedLacks("not whole at the site")
    assert await follower.answer(record) is None
    await follower.step()
    assert await follower.answer(record) == "not whole at the site"
    # Asked again, it is tried again.
    machine.link.error = None
    assert await follower.answer(record) is None
    await follower.step()
    assert await follower.answer(record) == ""
    assert "no file" in str(await follower.answer(0))
    await follower.close()


async def test_without_a_log_there_is_nothing_to_do(machine: Machine) -> None:
    follower = machine.start()
    assert not await follower.step()
    assert "no file" in str(await follower.answer(7))
    await follower.close()


async def test_a_full_disk_keeps_all_files_from_coming_until_there_is_room(machine: Machine) -> None:
    head, _record = await machine.send(content(1000))
    follower = machine.start()
    follower.copies = FileCopies(machine.files, free_bytes=lambda _folder: 0)
    with pytest.raises(BlobUnavailable, match="too little"):
        await follower.step()
    follower.copies = FileCopies(machine.files, free_bytes=lambda _folder: 1 << 50)
    machine.now_s += 60
    while await follower.step():
        pass
    await follower.close()
    assert await machine.state_of(head) is BlobState.INTACT
