"""A log of files, and a process that carries its orders out: `python -m tests.support.file_destroyer ROOT`.

It does what the transfer component does at its start and after that: orders first, then what they leave of files.
"""

import asyncio
import sys
from pathlib import Path

from components.archive.blobs.directory import DirectoryObjects
from components.archive.orders.order import OrderAct
from components.archive.store.sqlite import SqliteStore
from components.archive.store.sqlite_source import SqliteSource
from components.archive.writer import LogWriter
from components.transfer.destroyed import DestroyedFiles
from components.transfer.state import UploadStore
from tests.support.archive import RECIPIENTS, SIGNER
from tests.support.blobs import content, open_store
from tests.support.file_server import serve_files
from tests.support.orders import NOW_NS, make_erasure, make_executor, make_request, submit

CONTENTS = {
    name: content(size, size) for name, size in (("kept", 70_000), ("shared", 900), ("gone", 140_000))
}


async def set_scene(root: Path) -> dict[str, str]:
    """Upload `kept`, `shared` twice, and `gone`, and order that all go but `kept` and one `shared`.

    Returns the address of each blob.
    """
    addresses, records = {}, {}
    async with serve_files(root) as files:
        for number, name in enumerate(("kept", "shared", "shared", "gone"), 1):
            id_ = bytes([number]) * 16
            await files.put(CONTENTS[name], id=id_, name=name)
            upload = await files.uploads.find(id_)
            assert upload is not None
            addresses[name], records[number] = upload.address, files.writer.size - 1
    log = root / "transfer.db"
    hold = make_request(OrderAct.HOLD, "h1", segments=(1,), indexes=(records[1], records[3]))
    await submit(log, hold, await make_erasure(log, "e1", [records[2], records[4]], ["h1"]))
    return addresses


async def destroy(root: Path) -> None:
    """Carry out what waits, and destroy what it leaves of files."""
    times = iter(range(NOW_NS, NOW_NS + 10**6))
    store = await SqliteStore.open(root / "transfer.db")
    writer = await LogWriter.open_on(store, SIGNER, RECIPIENTS, lambda: next(times))
    source = await SqliteSource.open(root / "transfer.db")
    uploads = await UploadStore.open(root / "state.db")
    blobs = open_store(DirectoryObjects(root / "files"))
    await make_executor(writer, source).serve()
    await DestroyedFiles(source, uploads, blobs).serve(0.0)
    await uploads.close()
    await source.close()
    await writer.close()


if __name__ == "__main__":
    asyncio.run(destroy(Path(sys.argv[1])))
