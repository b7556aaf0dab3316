"""A process that takes files and puts some itself: `python -m tests.support.file_uploader ROOT ROUND [full]`.

It prints a line of JSON for each slot, with its link, and another one once the file was answered. With `full`
it fills the file system in between, but for ever more of it, and prints why files were refused.
"""

import asyncio
import errno
import json
import os
import sys
from collections.abc import Awaitable, Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from structlog.testing import capture_logs

from components.archive.reader import LogReader
from components.transfer.tidy import finish_cut_off
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Rule, Uploads
from tests.support.blobs import content
from tests.support.file_server import FilesUnderTest, serve_files

SIZES = (700, 150_000)
# What becomes of them in turn, by their names.
NAMES = ("copper.png", "tin.png", "prices.xlsm", "setup.exe")
AMENDED, HELD, REFUSED = NAMES[1:]
METADATA_BYTES = 50
"""So many bytes at the end of a file are its metadata here."""

POLICY = ContentPolicy(
    (
        Rule("metadata", ContentAction.AMEND, "", Uploads(names=(AMENDED,))),
        Rule("macros", ContentAction.HOLD, "With compliance.", Uploads(names=(HELD,))),
        Rule("programs", ContentAction.REFUSE, "No programs.", Uploads(names=(REFUSED,))),
    )
)
ROOMS_KIB = (*range(0, 96, 4), 128, 200, 300)


class Stripper:
    """Takes away what is metadata here."""

    async def strip(self, fd: int, take: Callable[[bytes], Awaitable[None]]) -> bool:
        await take(os.pread(fd, os.fstat(fd).st_size - METADATA_BYTES, 0))
        return True


def data_of(name: str, number: int) -> bytes:
    return content(SIZES[number % len(SIZES)], seed=int(sha256(name.encode()).hexdigest()[:8], 16) + number)


def issue(files: FilesUnderTest, name: str, number: int) -> tuple[str, dict[str, str]]:
    id_ = sha256(f"{name}/{number}".encode()).digest()[:16]
    file_name = NAMES[number % len(NAMES)]
    url, headers = files.issue(data_of(name, number), id=id_, name=file_name)
    say(issued=url.partition("/f/")[2], name=name, number=number, file_name=file_name)
    return url, headers


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def put(files: FilesUnderTest, url: str, headers: dict[str, str], data: bytes) -> int:
    async with files.client.put(url, data=BytesIO(data), headers=headers) as response:
        return response.status


async def finish(files: FilesUnderTest) -> int:
    """Do what the component does at its start."""
    reader = await LogReader.open(files.root / "transfer.db")
    try:
        return await finish_cut_off(files.uploads, files.journal, reader)
    finally:
        await reader.close()


async def upload(root: Path, name: str) -> None:
    async with serve_files(root, policy=POLICY, stripper=Stripper()) as files:
        await finish(files)
        for number in range(len(NAMES)):
            url, headers = issue(files, name, number)
            status = await put(files, url, headers, data_of(name, number))
            say(answered=url.partition("/f/")[2], status=status)


async def upload_to_full(root: Path, name: str) -> None:
    async with serve_files(root, policy=POLICY, stripper=Stripper()) as files:
        for number, room_kib in enumerate(ROOMS_KIB):
            url, headers = issue(files, name, number)
            fill(root / "ballast", room_kib)
            with capture_logs() as logs:
                status = await put(files, url, headers, data_of(name, number))
                fetched = await files.status_of(url) if status == 503 else 0
            (root / "ballast").unlink()
            if status == 503:
                reasons = [
                    each.get("reason", "") for each in logs if each["event"] == "a file was not stored"
                ]
                say(refused=status, fetched=fetched, reasons=reasons)
                status = await put(files, url, headers, data_of(name, number))
            say(answered=url.partition("/f/")[2], status=status)


def fill(ballast: Path, room_kib: int) -> None:
    """Fill the file system, but for so much."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        file.truncate(max(0, file.tell() - room_kib * 1024))


if __name__ == "__main__":
    asyncio.run((upload_to_full if sys.argv[3:] else upload)(Path(sys.argv[1]), sys.argv[2]))
