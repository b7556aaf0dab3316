"""`steelyard verify` checks each file that was sent against the record that names it, and names what is wrong."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.head import BlobHead
from components.archive.blobs.store import BlobStore
from components.settings.site import SiteFile
from components.verifier.verify import main as verify_one_file
from tests.support.archive import tamper
from tests.support.blobs import content, open_store, pieces
from tests.support.command import run_command
from tests.support.kept_site import Kept, Sent, add_transfer, keep_files
from tests.support.made_site import made_site, site

pytestmark = pytest.mark.slow

__all__ = ["made_site", "site"]

FILES = [Sent(content(size, size), name=f"{size}.pdf") for size in (0, 80_000, 70_000, 70_001)]


@pytest.fixture
def settings(site: Path, monkeypatch: pytest.MonkeyPatch) -> SiteFile:
    monkeypatch.setenv("STEELYARD_SITE", str(site))
    return add_transfer(site)


@pytest.fixture
def kept(settings: SiteFile) -> list[Kept]:
    return keep_files(settings, [*FILES, FILES[1]])


def verify(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = run_command("verify", "--log", "transfer", *options, "--json")
    out, err = capsys.readouterr()
    assert status in (0, 1), err
    document: dict[str, Any] = json.loads(out)
    assert document["ok"] == (status == 0)
    return status, document


class Store:
    """The blobs of a site as files, to be damaged."""

    def __init__(self, settings: SiteFile, kept: list[Kept]) -> None:
        self.root = settings.folder / "files"
        self.kept = kept
        self.heads = [self.root / each.blob.head_name for each in kept]
        self.data = [self.root / self._head(each).data for each in kept]

    def _head(self, each: Kept) -> BlobHead:
        entry = asyncio.run(self.store().find(each.blob))
        assert isinstance(entry, BlobHead)
        return entry

    def store(self) -> BlobStore:
        return open_store(DirectoryObjects(self.root))


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def rename_data(head: Path, other: Path) -> None:
    """Let a head name the data of another blob, with the right length and SHA-256."""
    mine, others = json.loads(head.read_bytes()), json.loads(other.read_bytes())
    for name in ("data", "stored_size_bytes", "stored_sha256"):
        mine[name] = others[name]
    head.write_text(json.dumps(mine))


def test_all_are_intact(kept: list[Kept], capsys: pytest.CaptureFixture[str]) -> None:
    status, document = verify(capsys)
    assert status == 0
    found = document["files"]
    assert (found["intact"], found["opened"], found["unrecorded"], found["problems"]) == (4, 4, 0, [])
    assert len(kept) == 5
    capsys.readouterr()
    assert run_command("verify", "--log", "transfer") == 0
    assert "files: 4 intact, all verified" in capsys.readouterr().out
    assert verify(capsys, "--without-files")[1]["files"] is None


def test_without_keys_what_is_stored_is_checked(
    kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in settings.audit.key_files:
        assert isinstance(key, Path)
        key.unlink()
    status, document = verify(capsys)
    assert (status, document["files"]["intact"], document["files"]["opened"]) == (0, 4, 0)
    flip(Store(settings, kept).data[2], 1000)
    status, document = verify(capsys)
    assert status == 1
    assert [problem["index"] for problem in document["files"]["problems"]] == [kept[2].record]


DAMAGES: dict[str, tuple[Callable[[Store], object], set[str], set[int]]] = {
    "a bit of the data": (lambda it: flip(it.data[1], 70_000), {"blob-altered"}, {1}),
    "the last bit, of the trailer": (lambda it: flip(it.data[1], -1), {"blob-altered"}, {1}),
    "cut short": (lambda it: it.data[2].write_bytes(it.data[2].read_bytes()[:-50]), {"blob-altered"}, {2}),
    "data gone": (lambda it: it.data[2].unlink(), {"blob-missing"}, {2}),
    "head gone": (lambda it: it.heads[3].unlink(), {"blob-missing"}, {3}),
    "head no head": (lambda it: it.heads[3].write_text("[]"), {"blob-altered"}, {3}),
    "data swapped": (lambda it: swap(it.data[2], it.data[3]), {"blob-altered"}, {2, 3}),
    "heads swapped": (lambda it: swap(it.heads[2], it.heads[3]), {"blob-altered"}, {2, 3}),
    "data of another blob": (lambda it: rename_data(it.heads[2], it.heads[1]), {"blob-altered"}, {2}),
    "destroyed without its record": (
        lambda it: asyncio.run(it.store().destroy(it.kept[0].blob, "o")), {"blob-destroyed"}, {0},
    ),
    "everything gone": (lambda it: shutil.rmtree(it.root), {"blob-missing"}, {0, 1, 2, 3}),
}  # fmt: skip


@pytest.mark.parametrize("damage", ["", *DAMAGES])
def test_the_verifier_of_one_file_names_the_same(
    damage: str, kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    act, kinds, numbers = DAMAGES.get(damage, (lambda _store: None, set(), set()))
    act(Store(settings, kept))
    (settings.folder / "files").mkdir(exist_ok=True)
    log = settings.require_log("transfer")
    found = verify_alone(log.store, log.verifier_key_file, settings.folder / "files", capsys)
    assert found["ok"] == (not damage)
    assert {problem["kind"] for problem in found["problems"]} == kinds
    assert {problem["index"] for problem in found["problems"]} == {kept[number].record for number in numbers}
    assert found["blobs"] == 4 - len(numbers)


def verify_alone(log: object, key: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    status = verify_one_file([str(log), "--key", str(key), "--blobs", str(folder), "--json"])
    out, err = capsys.readouterr()
    assert status in (0, 1), err
    document: dict[str, Any] = json.loads(out)
    return document


@pytest.mark.parametrize("with_keys", [True, False], ids=["with keys", "without keys"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_wrong_is_named(
    damage: str, with_keys: bool, kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    act, kinds, numbers = DAMAGES[damage]
    act(Store(settings, kept))
    for key in () if with_keys else settings.audit.key_files:
        assert isinstance(key, Path)
        key.unlink()
    status, document = verify(capsys)
    assert status == 1
    problems = document["files"]["problems"]
    assert {problem["kind"] for problem in problems} == kinds
    assert {problem["index"] for problem in problems} == {kept[number].record for number in numbers}
    capsys.readouterr()
    assert run_command("verify", "--log", "transfer") == 1
    told = capsys.readouterr().out
    assert all(f"transfer/{kept[number].record}: " in told for number in numbers)


def test_a_blob_that_outlives_all_its_records_is_named(
    kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Path(str(settings.require_log("transfer").store))
    tamper(log, f"UPDATE record SET payload = NULL WHERE idx = {kept[0].record}")
    _status, document = verify(capsys)
    ((problem),) = document["files"]["problems"]
    assert (problem["kind"], problem["index"]) == ("blob-not-destroyed", kept[0].record)
    # One of two records of a blob is enough for it to stay.
    tamper(log, f"UPDATE record SET payload = NULL WHERE idx = {kept[1].record}")
    assert len(verify(capsys)[1]["files"]["problems"]) == 1


def test_what_was_put_just_now_is_counted_and_no_problem(
    kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(Store(settings, kept).store().put(pieces(b"new"), 1))
    for key in settings.audit.key_files:
        assert isinstance(key, Path)
        key.unlink()
    status, document = verify(capsys)
    assert (status, document["files"]["unrecorded"]) == (0, 1)
