"""A process that takes files: the transfer component's HTTP side, or plain aiohttp that writes to the disk.

`python -m tests.bench.file_taker SETUP FOLDER CORES PLACES`: on these cores. It prints where it can be reached, and
serves until its standard input ends. Places are pairs of a number of files and their size in bytes.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from components.settings.transfer import InspectTable
from components.transfer.checks import FileChecks
from components.transfer.inspect.assemble import open_inspector
from policy.content.parse import parse_policy
from tests.bench.errors import BenchError
from tests.support.file_server import serve_files

STEELYARD, PLAIN = "Steelyard", "plain aiohttp"
EXAMPLE_POLICY = Path(__file__).parents[2] / "config" / "examples" / "policy.toml"
NAME, MEDIA_TYPE = "note.wav", "audio/wav"

Places = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one file of `size_bytes` may be put, by a request with this `authorization`."""

    path: str
    authorization: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Taker:
    """A running process that takes files at this port of 127.0.0.1, one at each place."""

    pid: int
    port: int
    places: tuple[Place, ...]


@asynccontextmanager
async def run_taker(set_up: str, folder: Path, cores: Sequence[int], places: Places) -> AsyncIterator[Taker]:
    """Start a process that takes these files, and end it; raises BenchError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, set_up, str(folder), json.dumps(list(cores)), json.dumps(places),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        if not (line := await process.stdout.readline()):
            raise BenchError(f"{set_up} did not start")
        said = json.loads(line)
        yield Taker(process.pid, said["port"], tuple(Place(*each) for each in said["places"]))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def _serve_ours(folder: Path, places: Places) -> None:
    inspector = open_inspector(InspectTable())
    checks, policy = FileChecks(inspector), parse_policy(EXAMPLE_POLICY.read_text(encoding="utf-8"))
    async with serve_files(folder, checks=checks, policy=policy) as files:
        given = []
        for count, size_bytes in places:
            for _ in range(count):
                url, headers = files.issue(b"", name=NAME, media_type=MEDIA_TYPE, size_bytes=size_bytes)
                given.append((url.partition(str(files.port))[2], headers["Authorization"], size_bytes))
        await _say_and_wait(files.port, given)
    await inspector.close()


async def _serve_plain(folder: Path, places: Places) -> None:
    async def take(request: web.Request) -> web.Response:
        """Write a file as it comes, and sync it before it is answered, as ours does."""
        with (folder / request.match_info["name"]).open("wb", buffering=1 << 20) as file:
            async for chunk in request.content.iter_any():
                file.write(chunk)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        return web.Response(status=201)

    application = web.Application(client_max_size=1 << 40)
    application.router.add_put("/{name}", take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sizes = [size_bytes for count, size_bytes in places for _ in range(count)]
    given = [(f"/{number}", "none", size_bytes) for number, size_bytes in enumerate(sizes)]
    await _say_and_wait(runner.addresses[0][1], given)
    await runner.cleanup()


async def _say_and_wait(port: int, places: Sequence[tuple[str, str, int]]) -> None:
    sys.stdout.write(json.dumps({"port": port, "places": places}) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """Serve until the standard input ends."""
    set_up, folder, cores, places = sys.argv[1:]
    os.sched_setaffinity(0, json.loads(cores))
    serve = _serve_ours if set_up == STEELYARD else _serve_plain
    asyncio.run(serve(Path(folder), json.loads(places)))


if __name__ == "__main__":
    main()
