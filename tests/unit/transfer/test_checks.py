"""Nothing is answered that was not checked, in time; what is found decides, is recorded, and shuts or opens a file."""

import asyncio
import os
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from components.archive.blobs.directory import DirectoryObjects
from components.archive.errors import LogUnavailable
from components.rules.file_links import FileLink
from components.rules.file_states import FileStates
from components.transfer import receive
from components.transfer.checks import FileChecks
from components.transfer.quarantine import MOST_IN_MEMORY_BYTES
from components.transfer.scan.scanned import Scanned
from components.transfer.state import UploadStore
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Rule, Uploads
from policy.files.built_in import DENIED_HASH, MALWARE, REFUSED_TYPE, UNCHECKED
from policy.files.facts import ContentFacts, FileMark
from tests.support.archive import START_S
from tests.support.blobs import content
from tests.support.file_server import FilesUnderTest, details_of, serve_files

SIZES = (1, MOST_IN_MEMORY_BYTES, MOST_IN_MEMORY_BYTES + 1, 3_000_000)


@dataclass
class Looker:
    """An inspector and scanner that reads what it is given, and finds what it is told to, or takes too long."""

    marks: frozenset[FileMark] = frozenset()
    found_type: str = "application/pdf"
    scanned: FileMark | None = None
    hangs: str = ""
    fails: str = ""
    seen: list[bytes] = field(default_factory=list)
    claims: list[tuple[str, str]] = field(default_factory=list)

    async def look(self, fd: int, name: str, claimed_type: str) -> ContentFacts:
        self.claims.append((name, claimed_type))
        await self._read(fd, "look")
        return ContentFacts(self.found_type, self.marks, ("inside.txt",))

    async def scan(self, fd: int, size_bytes: int) -> Scanned:
        await self._read(fd, "scan")
        assert len(self.seen[-1]) == size_bytes
        return Scanned(self.scanned)

    async def _read(self, fd: int, what: str) -> None:
        with os.fdopen(os.dup(fd), "rb") as file:
            self.seen.append(file.read())
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(fd, b"x")
        if self.fails == what:
            raise RuntimeError("no such luck")
        if self.hangs == what:
            await asyncio.Event().wait()


def rule(id_: str, action: ContentAction, *marks: FileMark) -> Rule:
    return Rule(id_, action, f"Told by {id_}.", Uploads(marks=marks))


POLICY = ContentPolicy(
    (
        rule("holds", ContentAction.HOLD, FileMark.MACROS, FileMark.UNSCANNABLE),
        rule("refuses", ContentAction.REFUSE, FileMark.EXECUTABLE),
        rule("flags", ContentAction.FLAG, FileMark.LOCATION),
    )
)


async def put(files: FilesUnderTest, data: bytes, **changes: object) -> tuple[str, int, str]:
    """Upload; returns the link, the status, and what was said."""
    url, headers = files.issue(data, **changes)
    async with files.client.put(url, data=BytesIO(data), headers=headers) as response:
        return url, response.status, (await response.text()).strip()


def open_files(root: Path) -> Counter[str]:
    """Return what this process has open of the component's: files in memory, and files below `root`."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            if (file := str(path.readlink())).startswith(("/memfd:", str(root))):
                found.append(file)
    return Counter(found)


def files_with(data: bytes, root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and data in path.read_bytes()]


@pytest.mark.parametrize("size", SIZES)
async def test_the_checks_see_the_whole_file_and_nothing_is_left_of_it(tmp_path: Path, size: int) -> None:
    looker, data = Looker(), content(size)
    async with serve_files(tmp_path, checks=FileChecks(looker, looker)) as files:
        assert (await put(files, data))[1] == 201
        assert looker.seen == [data, data]
        assert looker.claims == [("報告 1.pdf", "application/pdf")]
        opened = open_files(tmp_path)
        assert (await put(files, data))[1] == 201
        assert open_files(tmp_path) <= opened
        assert size == 1 or not files_with(data, tmp_path)


@pytest.mark.parametrize(
    ("looker", "status", "fetched", "name", "rules"),
    [
        (Looker(), 201, 200, "received", ""),
        (Looker(frozenset({FileMark.LOCATION})), 201, 200, "received", "flags"),
        (Looker(frozenset({FileMark.MACROS})), 201, 503, "received", "holds"),
        (Looker(frozenset({FileMark.EXECUTABLE, FileMark.MACROS})), 403, 404, "refused", "holds refuses"),
        (Looker(scanned=FileMark.MALWARE), 403, 404, "refused", MALWARE),
        (Looker(scanned=FileMark.UNSCANNED), 403, 404, "refused", UNCHECKED),
        (Looker(fails="look"), 201, 503, "received", "holds"),
        (Looker(fails="scan"), 403, 404, "refused", UNCHECKED),
        (Looker(hangs="look"), 201, 503, "received", "holds"),
        (Looker(hangs="scan"), 201, 503, "received", "holds"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_what_is_found_decides(
    tmp_path: Path, looker: Looker, status: int, fetched: int, name: str, rules: str
) -> None:
    within_s = 0.2 if looker.hangs else 60.0
    checks = FileChecks(looker, looker)
    async with serve_files(tmp_path, checks=checks, policy=POLICY, checked_within_s=within_s) as files:
        url, said, text = await put(files, content(5_000))
        assert said == status
        assert bool(text) is (status != 201)
        async with files.client.get(url) as response:
            assert response.status == fetched
            assert ("Retry-After" in response.headers) is (fetched == 503)
        # It is kept whatever became of it, and recorded with what was found.
        assert files.blobs()
        recorded = (await files.events())[0]
        details = details_of(recorded)
        assert (recorded.name, details["rules"]) == (name, rules)
        for mark in looker.marks:
            assert mark in str(details["marks"]).split()
        # The slot is used up.
        async with files.client.put(url, headers=files.last_headers, data=content(5_000)) as response:
            assert response.status == 409
        assert await files.status_of(url) == fetched


@pytest.mark.parametrize("hangs", ["look", "scan"])
async def test_what_cannot_be_checked_in_time_is_an_error(tmp_path: Path, hangs: str) -> None:
    looker = Looker(hangs=hangs)
    async with serve_files(tmp_path, checks=FileChecks(looker, looker), checked_within_s=0.1) as files:
        url, status, text = await put(files, content(5_000))
        assert (status, await files.status_of(url)) == (403, 404)
        assert "could not be checked" in text
        (event,) = await files.events()
        assert details_of(event)["rules"] == UNCHECKED


@pytest.mark.slow
async def test_a_check_that_goes_on_holds_up_nobody_else(tmp_path: Path) -> None:
    looker = Looker(hangs="scan")
    async with serve_files(tmp_path, checks=FileChecks(None, looker), checked_within_s=0.5) as files:
        found = await asyncio.gather(*(put(files, content(3_000, seed)) for seed in range(20)))
        assert {status for _url, status, _text in found} == {403}


async def test_a_hash_that_is_denied(tmp_path: Path) -> None:
    data = content(5_000)
    denied = set[bytes]()
    async with serve_files(tmp_path, checks=FileChecks(is_denied=denied.__contains__)) as files:
        assert (await put(files, data))[1] == 201
        sha256 = bytes.fromhex(str(details_of((await files.events())[0])["content_sha256"]))
        denied.add(sha256)
        url, status, _text = await put(files, data)
        assert (status, await files.status_of(url)) == (403, 404)
        assert details_of((await files.events())[1])["rules"] == DENIED_HASH
        # The file that was let through before is another one, as far as this is concerned.
        assert (await put(files, content(5_001)))[1] == 201


@pytest.mark.parametrize("claimed", ["application/octet-stream", "application/pdf"])
async def test_a_type_that_is_refused_is_refused_by_what_is_found(tmp_path: Path, claimed: str) -> None:
    looker = Looker(found_type="video/mp4")
    async with serve_files(tmp_path, checks=FileChecks(looker), refused_types=("video/*",)) as files:
        url, status, _text = await put(files, content(5_000), media_type=claimed)
        assert (status, await files.status_of(url)) == (403, 404)
        assert details_of((await files.events())[0])["rules"] == REFUSED_TYPE


async def test_a_refusal_that_the_state_could_not_take_is_still_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LogUnavailable("the disk is full")

    looker = Looker(frozenset({FileMark.EXECUTABLE}))
    async with serve_files(tmp_path, checks=FileChecks(looker), policy=POLICY) as files:
        url, headers = files.issue(content(5_000))
        with monkeypatch.context() as broken:
            broken.setattr(UploadStore, "settle", fail)
            async with files.client.put(url, data=content(5_000), headers=headers) as response:
                assert response.status == 503
        assert await files.status_of(url) == 404
        # What was recorded stands, whatever is found now.
        looker.marks = frozenset()
        async with files.client.put(url, data=content(5_000), headers=headers) as response:
            assert response.status == 403
        assert await files.status_of(url) == 404
        assert [event.name for event in await files.events()] == ["refused"]


async def test_a_person_has_so_many_at_once(tmp_path: Path) -> None:
    async with serve_files(tmp_path, person_at_once=2) as files:
        slow = [files.issue(content(9)) for _ in range(2)]
        writers = []
        for url, headers in slow:
            reader, writer = await asyncio.open_connection("127.0.0.1", files.port)
            lines = [f"PUT {url.partition(f':{files.port}')[2]} HTTP/1.1", "Host: a", "Content-Length: 9"]
            lines += ["Expect: 100-continue", *(f"{name}: {value}" for name, value in headers.items())]
            writer.write("\r\n".join((*lines, "", "")).encode())
            assert (await reader.readline()).startswith(b"HTTP/1.1 100")
            writers.append((reader, writer))
        _url, status, _text = await put(files, content(5))
        assert status == 503
        ben = "ben@metals.example"
        files.admitted.add(ben)
        assert (await put(files, content(5), owner=ben))[1] == 201
        for reader, writer in writers:
            writer.write(content(9))
            await reader.readline()
            assert (await reader.readline()).startswith(b"HTTP/1.1 201")
            writer.close()
        assert (await put(files, content(5)))[1] == 201


async def test_what_is_held_is_listed_and_forgotten_when_its_link_has_ended(tmp_path: Path) -> None:
    looker = Looker(frozenset({FileMark.MACROS}))
    async with serve_files(tmp_path, checks=FileChecks(looker), policy=POLICY) as files:
        await put(files, content(5_000))
        looker.marks = frozenset()
        await put(files, content(5_000))
        ((upload, settled),) = await files.uploads.list_held()
        assert (settled.rules, settled.text, settled.record) == (("holds",), "Told by holds.", 1)
        assert settled.at_s == START_S
        # The gate decides by this to whom its link may be sent.
        with closing(FileStates(tmp_path / "state.db")) as states:
            known = states.read_facts(FileLink(upload.id, upload.owner, upload.until_s))
        assert known is not None
        assert (known.name, known.size_bytes, known.content.marks) == (
            upload.name,
            5_000,
            frozenset({FileMark.MACROS}),
        )
        files.uploads.forget_lapsed(upload.until_s - 1)
        assert len(await files.uploads.list_held()) == 1
        files.uploads.forget_lapsed(upload.until_s + 86_400)
        assert await files.uploads.list_held() == []


@pytest.mark.parametrize("call", ["write", "swap"])
async def test_a_store_that_takes_too_long_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    whole = getattr(DirectoryObjects, call)

    async def stall(objects: DirectoryObjects, *arguments: Any) -> None:
        await whole(objects, *arguments)
        await asyncio.Event().wait()

    looker = Looker()
    async with serve_files(tmp_path, checks=FileChecks(looker)) as files:
        url, headers = files.issue(content(300_000))
        with monkeypatch.context() as slow:
            slow.setattr(receive, "_STORED_WITHIN_S", 0.2)
            slow.setattr(DirectoryObjects, call, stall)
            async with files.client.put(url, data=BytesIO(content(300_000)), headers=headers) as response:
                assert response.status == 503
                assert "Retry-After" in response.headers
        assert await files.status_of(url) == 404
        assert "received" not in [event.name for event in await files.events()]
        # The same slot takes it again.
        async with files.client.put(url, data=BytesIO(content(300_000)), headers=headers) as response:
            assert response.status == 201
        assert await files.status_of(url) == 200
