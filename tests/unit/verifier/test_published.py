"""What our own servers, exports and witnesses give out, as the verifier finds it."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from components.archive.log.cosignature import Cosigner, cosign_checkpoint, encode_cosigner_key
from components.archive.reader import LogReader
from components.tiles.export import export_tiles
from components.tiles.folder import TileFolder
from components.tiles.server import TileServer
from components.verifier.log import verify_log
from components.verifier.report import Witnessed
from components.verifier.tiles import verify_tiles
from tests.support.archive import VERIFIER_KEY, VKEY, entries, open_writer, ticking


async def test_a_log_that_is_served_while_it_grows(tmp_path: Path) -> None:
    """The tiles of the checkpoint that was fetched first stay there, whatever comes behind them."""
    path = tmp_path / "gate.db"
    writer = await open_writer(path, ticking(step_ns=1_000_000))
    server = TileServer({"gate": path})
    url = f"http://127.0.0.1:{await server.start('127.0.0.1', 0)}/gate"
    sizes = []

    def progress(done: int, total: int) -> None:
        asyncio.run_coroutine_threadsafe(grow(), loop).result()

    async def grow() -> None:
        await writer.append(entries(0, 700))
        await writer.sign()

    loop = asyncio.get_running_loop()
    try:
        await grow()
        for _ in range(3):
            report = await asyncio.to_thread(verify_tiles, url, VKEY, progress)
            assert report.problems == ()
            sizes.append(report.size)
    finally:
        await server.close()
        await writer.close()
    assert sizes[0] < sizes[1] < sizes[2]


async def test_a_folder_that_was_exported_twice(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    reader = await LogReader.open(tmp_path / "gate.db")
    folder = TileFolder(tmp_path / "tiles")
    for count in (300, 400):
        await writer.append(entries(0, count))
        await writer.sign()
        exported = await export_tiles(reader, [VERIFIER_KEY], folder)
        report = await asyncio.to_thread(verify_tiles, tmp_path / "tiles", VKEY)
        assert (report.problems, report.size) == ((), exported.size)
    await reader.close()
    await writer.close()


def test_cosignatures_of_our_own_witness(log: Path) -> None:
    with closing(sqlite3.connect(log)) as database:
        (note,) = database.execute("SELECT note FROM checkpoint WHERE size = 300").fetchone()
    text = note.partition("\n\n")[0] + "\n"
    for private_key in (Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate()):
        cosigner = Cosigner("steelyard.example/witness", private_key)
        kept = note + cosign_checkpoint(text, cosigner, 1_795_470_000)
        witness = encode_cosigner_key(cosigner.cosigner_key)
        report = verify_log(log, VKEY, known_checkpoints=[kept], witness_vkeys=[witness])
        assert report.problems == ()
        (seen,) = report.witnesses
        assert seen == Witnessed("steelyard.example/witness", 1, 300, 1_795_470_000)
