"""What an order destroys of files: the blob goes when the last record that refers to it is gone, and never before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from components.archive.blobs.address import parse_address
from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.errors import BlobUnavailable
from components.archive.blobs.head import BlobHead, BlobTombstone
from components.archive.blobs.store import BlobStore
from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.orders.order import OrderAct
from components.archive.orders.request import OrderAnswer, OrderRequest
from components.archive.store.sqlite_source import SqliteSource
from components.transfer import destroyed
from components.transfer.destroyed import DestroyedFiles, keep_destroyed
from components.transfer.state import UploadStore
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Rule, Uploads
from policy.directory.enterprise import EnterpriseId
from tests.support.blobs import content, open_store
from tests.support.file_server import FilesUnderTest, serve_files
from tests.support.file_uploader import Stripper
from tests.support.orders import answer_to, make_erasure, make_executor, make_request, submit

TIN, LEAD = content(70_000, 1), content(30_000, 2)


class Scene:
    """Two uploads of TIN and one of LEAD, in an ended segment of a log that is open again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "transfer.db"
        self.links: dict[str, str] = {}
        self.records: dict[str, int] = {}
        self.blobs: dict[str, str] = {}
        self.files: FilesUnderTest

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[FilesUnderTest]:
        async with serve_files(self.root) as self.files, AsyncExitStack() as self.stack:
            yield self.files

    async def put(self, name: str, data: bytes, number: int, firm: str = "metals") -> None:
        id_ = bytes([number]) * 16
        url = await self.files.put(data, id=id_, name=name, enterprise=EnterpriseId(firm))
        upload = await self.files.uploads.find(id_)
        assert upload is not None
        self.links[name], self.records[name] = url.partition("/f/")[2], self.files.writer.size - 1
        self.blobs[name] = upload.address

    async def carry_out(self, request: OrderRequest) -> OrderAnswer:
        await submit(self.log, request)
        source = await SqliteSource.open(self.log)
        await make_executor(self.files.writer, source).serve()
        await source.close()
        answer = await answer_to(self.log, request)
        assert answer is not None
        return answer

    async def erase(self, id_: str, *names: str) -> None:
        request = await make_erasure(self.log, id_, [self.records[name] for name in names])
        assert (await self.carry_out(request)).ok

    async def lose_state(self) -> UploadStore:
        """Return an empty state, as after a restore."""
        uploads = await UploadStore.open(self.root / "new-state.db")
        self.stack.push_async_callback(uploads.close)
        return uploads

    async def destroy(self, *, blobs: BlobStore | None = None, uploads: UploadStore | None = None) -> int:
        """Do what the component does every few seconds, as after a start."""
        source = await SqliteSource.open(self.log)
        store = blobs or open_store(DirectoryObjects(self.root / "files"))
        try:
            return await DestroyedFiles(source, uploads or self.files.uploads, store).serve(0.0)
        finally:
            await source.close()

    async def find(self, name: str) -> BlobHead | BlobTombstone:
        store = open_store(DirectoryObjects(self.root / "files"))
        return await store.find(parse_address(self.blobs[name]))

    async def fetched(self) -> dict[str, int]:
        base = self.files.links.base_url
        return {name: await self.files.status_of(base + link) for name, link in self.links.items()}


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path)
    async with scene.serve():
        await scene.put("tin", TIN, 1)
        await scene.put("tin again", TIN, 2)
        await scene.put("lead", LEAD, 3)
    async with scene.serve():
        yield scene


async def test_two_uploads_share_a_blob_until_both_records_are_gone(scene: Scene) -> None:
    assert scene.blobs["tin"] == scene.blobs["tin again"] != scene.blobs["lead"]
    await scene.erase("e1", "tin")
    assert await scene.destroy() == 0
    assert await scene.fetched() == {"tin": 404, "tin again": 200, "lead": 200}
    await scene.erase("e2", "tin again")
    assert await scene.destroy() == 1
    tombstone = await scene.find("tin")
    assert isinstance(tombstone, BlobTombstone)
    assert tombstone.order == "e2"
    assert not (scene.root / "files" / tombstone.data).exists()
    assert await scene.fetched() == {"tin": 404, "tin again": 404, "lead": 200}
    assert await scene.destroy() == 0


async def test_a_copy_goes_with_its_file_and_not_before(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    pictures = ContentPolicy((Rule("pictures", ContentAction.AMEND, "", Uploads(names=("*.jpg",))),))
    async with serve_files(tmp_path, policy=pictures, stripper=Stripper()) as scene.files:
        await scene.put("a.jpg", TIN, 1)
        await scene.put("b.jpg", TIN, 2)
        # The same file, delivered as it is: the copy is kept as long as any of the records.
        await scene.put("as it is", TIN, 3)
    async with scene.serve():
        copy = await scene.files.uploads.find(bytes([1]) * 16)
        assert copy is not None
        scene.blobs["copy"] = copy.delivered
        await scene.erase("e1", "a.jpg", "b.jpg")
        assert await scene.destroy() == 0
        assert await scene.fetched() == {"a.jpg": 404, "b.jpg": 404, "as it is": 200}
        await scene.erase("e2", "as it is")
        # While such a file is being put once more, neither goes.
        scene.files.issue(TIN, id=bytes([4]) * 16)
        scene.files.uploads.mark_stored(bytes([4]) * 16, scene.blobs["a.jpg"])
        assert await scene.destroy() == 0
        scene.files.uploads.forget([bytes([4]) * 16])
        assert await scene.destroy() == 2
        for name in ("a.jpg", "copy"):
            assert isinstance(await scene.find(name), BlobTombstone)


async def test_an_expiry_takes_all_files_of_its_segments_and_what_the_state_says_of_them(
    scene: Scene,
) -> None:
    assert (await scene.carry_out(make_request(OrderAct.EXPIRE, "x1", segments=(1,)))).ok
    assert await scene.destroy() == 2
    assert {type(await scene.find(name)) for name in scene.blobs} == {BlobTombstone}
    assert await scene.fetched() == dict.fromkeys(scene.links, 404)
    for number in (1, 2, 3):
        assert await scene.files.uploads.find(bytes([number]) * 16) is None


async def test_what_a_hold_keeps_stays(scene: Scene) -> None:
    await scene.carry_out(make_request(OrderAct.HOLD, "h1", segments=(1,), indexes=(scene.records["tin"],)))
    refused = await scene.carry_out(make_request(OrderAct.EXPIRE, "x1", segments=(1,), considered=("h1",)))
    assert not refused.ok
    # Another record of the same content is not held; the one that is keeps the blob.
    request = await make_erasure(scene.log, "e1", [scene.records["tin again"]], ["h1"])
    assert (await scene.carry_out(request)).ok
    assert await scene.destroy() == 0
    assert await scene.fetched() == {"tin": 200, "tin again": 404, "lead": 200}


async def test_an_equal_file_of_another_enterprise_is_another_blob(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    async with scene.serve():
        await scene.put("metals", TIN, 1)
        await scene.put("grain", TIN, 2, "grain")
    async with scene.serve():
        assert scene.blobs["metals"] != scene.blobs["grain"]
        await scene.erase("e1", "metals")
        assert await scene.destroy() == 1
        assert await scene.fetched() == {"metals": 404, "grain": 200}


async def test_without_its_state_the_next_start_finds_what_is_left_to_do(scene: Scene) -> None:
    await scene.erase("e1", "tin", "tin again")
    assert await scene.destroy(uploads=await scene.lose_state()) == 1
    assert isinstance(await scene.find("tin"), BlobTombstone)
    assert isinstance(await scene.find("lead"), BlobHead)


async def test_what_is_just_being_put_stays(scene: Scene) -> None:
    await scene.erase("e1", "tin", "tin again")
    scene.files.issue(TIN, id=b"\x09" * 16)
    scene.files.uploads.mark_stored(b"\x09" * 16, scene.blobs["tin"])
    assert await scene.destroy() == 0
    assert isinstance(await scene.find("tin"), BlobHead)
    # It came to nothing, and no record says so: the next look destroys it.
    scene.files.uploads.forget([b"\x09" * 16])
    assert await scene.destroy() == 1


async def test_what_was_put_while_records_were_looked_through_stays(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = SqliteSource.fetch_bounds

    async def fetch_bounds(self: SqliteSource) -> tuple[int, int] | None:
        found = await before(self)
        if "new" not in scene.links:
            await scene.put("new", TIN, 4)
        return found

    await scene.erase("e1", "tin", "tin again")
    with monkeypatch.context() as slowed:
        slowed.setattr(SqliteSource, "fetch_bounds", fetch_bounds)
        assert await scene.destroy() == 0
    assert await scene.destroy() == 0
    assert await scene.fetched() == {"tin": 404, "tin again": 404, "lead": 200, "new": 200}


async def test_a_file_that_comes_again_after_its_destruction_is_kept(scene: Scene) -> None:
    await scene.erase("e1", "tin", "tin again")
    assert await scene.destroy() == 1
    await scene.put("new", TIN, 4)
    assert scene.blobs["new"] == scene.blobs["tin"]
    # Also where the order is gone through once more, as when the state was lost.
    assert await scene.destroy(uploads=await scene.lose_state()) == 0
    assert (await scene.fetched())["new"] == 200


async def test_a_store_that_fails_is_asked_again(scene: Scene) -> None:
    class Failing(BlobStore):
        async def destroy(self, *_: object) -> BlobTombstone:
            raise BlobUnavailable("the disk is gone")

    failing = open_store(DirectoryObjects(scene.root / "files"))
    failing.__class__ = Failing
    await scene.erase("e1", "tin", "tin again")
    with pytest.raises(BlobUnavailable):
        await scene.destroy(blobs=failing)
    assert await scene.destroy() == 1


async def test_a_cut_off_file_is_kept_as_long_as_its_record(scene: Scene) -> None:
    store = open_store(DirectoryObjects(scene.root / "files"))
    scene.files.issue(TIN, id=b"\x09" * 16)
    upload = await scene.files.uploads.find(b"\x09" * 16)
    assert upload is not None
    scene.files.uploads.mark_stored(upload.id, scene.blobs["tin"])
    upload = await scene.files.uploads.find(upload.id)
    assert upload is not None
    await scene.files.journal.cut_off(upload)
    scene.files.uploads.forget([upload.id])
    await scene.erase("e1", "tin", "tin again")
    assert await scene.destroy(blobs=store) == 0
    assert isinstance(await scene.find("tin"), BlobHead)


async def test_it_goes_on_after_a_store_failed_and_destroys_nothing_when_the_log_is_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outcomes: list[Exception | int] = [
        BlobUnavailable("gone"),
        LogUnavailable("busy"),
        3,
        LogDamaged("torn"),
        1,
    ]

    async def serve(_self: DestroyedFiles, _now_s: float) -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(DestroyedFiles, "serve", serve)
    monkeypatch.setattr(destroyed, "_EVERY_S", 0.0)
    files = DestroyedFiles.__new__(DestroyedFiles)
    keeping = asyncio.create_task(keep_destroyed(files))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not keeping.done()
    keeping.cancel()
    assert outcomes == [1]
