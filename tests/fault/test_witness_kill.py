"""A witness killed with SIGKILL at each step of keeping what it cosigns: no answer leaves, and nothing is half kept."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.cosignature import verify_cosignatures
from components.witness.add_checkpoint import WitnessAnswer
from components.witness.state import hash_origin
from tests.support.archive import ORIGIN, VERIFIER_KEY, VKEY
from tests.support.process import wait_until
from tests.support.witness import MemoryLog, WitnessProcess

LOG = MemoryLog()
FORK = MemoryLog("b", common=3)

DRAFT, FOLDER = "draft", "folder"


@pytest.mark.parametrize(
    ("call", "of", "kept"),
    [
        ("openat", DRAFT, {5}),
        ("write", DRAFT, {5}),
        ("fsync", DRAFT, {5}),
        ("rename", DRAFT, {5, 7}),
        ("fsync", FOLDER, {7}),
        ("close", FOLDER, {7}),  # all is durable: killed between persisting and answering
    ],
)
async def test_killed_while_it_keeps(tmp_path: Path, call: str, of: str, kept: set[int]) -> None:
    root = tmp_path / "other"
    witness = WitnessProcess(root, "other.example/witness", logs=[VKEY])
    async with witness:
        assert (await witness.post(LOG.request(0, 5))).status == 200

    path = f"{witness.checkpoint_file()}.new" if of == DRAFT else str(witness.state)
    async with traced(witness, tmp_path / "calls", path, call):
        with pytest.raises(aiohttp.ClientError):  # no answer, and so no cosignature
            await witness.post(LOG.request(5, 7))
        assert await wait_until(lambda: not witness.running)
    assert "+++ killed by SIGKILL +++" in (tmp_path / "calls").read_text()

    async with witness:
        size = await cosigned_size(witness)
        assert size in kept
        assert await witness.post(FORK.request(3, 9)) == WitnessAnswer(409, f"{size}\n", "text/x.tlog.size")
        assert (await witness.post(FORK.request(size, 9))).status == 422
        assert (await witness.post(LOG.request(size, 9))).status == 200
        assert await cosigned_size(witness) == 9


@contextlib.asynccontextmanager
async def traced(witness: WitnessProcess, calls: Path, path: str, call: str) -> AsyncIterator[None]:
    """Run the witness, and have it killed when it makes this call on this path."""
    await witness.start()
    pid = witness.status()["pid"]
    attach = ["strace", "-f", "-qq", "-o", str(calls), "-p", str(pid), "-P", path]
    attach += ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when=1"]
    tracer = await asyncio.create_subprocess_exec(*attach)
    try:
        attached = lambda: "TracerPid:\t0" not in Path(f"/proc/{pid}/status").read_text()  # noqa: E731
        assert await wait_until(attached)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(tracer.pid, signal.SIGTERM)
        await tracer.wait()
        await witness.stop()


async def cosigned_size(witness: WitnessProcess) -> int:
    """Give the size of what it shows as cosigned, which is whole: the log's signature and both of its own."""
    note = (await witness.get(f"/{hash_origin(ORIGIN)}/checkpoint")).body
    assert len(verify_cosignatures(note, witness.keys)) == 2
    return verify_checkpoint(note, VERIFIER_KEY).size
