"""A log verified from its tiles alone, out of a folder and from a web server."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from components.archive.log.checkpoint import Checkpoint, sign_checkpoint
from components.verifier import fetch
from components.verifier.report import UsageError
from components.verifier.tiles import tile_path, verify_tiles
from components.verifier.verify import main
from tests.support.archive import ORIGIN, SIGNER, VKEY, write_log
from tests.support.tile_folder import compress, serve, tile_name, write_tiles
from tests.support.verified import found

ENTRY_SIZE_BYTES = 79
OTHER = sign_checkpoint(Checkpoint(ORIGIN, 600, bytes(32)), SIGNER)


@pytest.fixture
def tiles(log: Path, tmp_path: Path) -> Path:
    return write_tiles(log, tmp_path / "tiles")


@pytest.fixture
def url(tiles: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(fetch, "FIRST_PAUSE_S", 0.01)
    with serve(tiles) as (url, failures):
        failures["/tile/entries/001"] = [503]  # which each test gets over
        yield url


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_folder(tiles: Path) -> None:
    told: list[tuple[int, int]] = []
    report = verify_tiles(tiles, VKEY, lambda done, total: told.append((done, total)))
    assert (report.problems, report.size, report.checkpoints) == ((), 600, 1)
    assert (report.states, report.ranges, report.pending) == ({}, (), 0)
    assert report.checkpoint.startswith(f"{ORIGIN}\n600\n")
    assert "payloads" in report.unchecked[0]
    assert told[-1] == (600, 600)


def test_a_server(url: str) -> None:
    report = verify_tiles(url, VKEY)
    assert (report.problems, report.size) == ((), 600)
    assert verify_tiles(url + "/", VKEY) == report


@pytest.mark.slow
async def test_a_log_of_three_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = await write_log(tmp_path / "gate.db", (65_500, 200))
    folder = write_tiles(log, tmp_path / "tiles")
    assert (folder / "tile/2/000.p/1").exists()
    with serve(folder) as (url, _failures):
        report = await asyncio.to_thread(verify_tiles, url, VKEY)
    assert (report.problems, report.size) == ((), 65_704)


def test_the_empty_log(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_text(sign_checkpoint(Checkpoint(ORIGIN, 0, sha256().digest()), SIGNER))
    report = verify_tiles(tmp_path, VKEY)
    assert (report.problems, report.size) == ((), 0)


@pytest.mark.parametrize(("kind", "n", "path"), [
    ("0", 0, "tile/0/000"),
    ("entries", 999, "tile/entries/999"),
    ("0", 1000, "tile/0/x001/000"),
    ("1", 1_234_067, "tile/1/x001/x234/067"),
])  # fmt: skip
def test_the_path_of_a_tile(kind: str, n: int, path: str) -> None:
    assert tile_path(kind, n) == path == tile_name(kind, n, 256)


CORRUPTIONS: list[tuple[str, Callable[[Path], object], list[list[object]]]] = [
    (
        "a bit of a leaf",
        lambda at: flip(at / "tile/entries/000", 5 * ENTRY_SIZE_BYTES + 40),
        [["leaf-altered", 5]],
    ),
    (
        "a bit of a leaf's length",
        lambda at: flip(at / "tile/entries/000", 255 * ENTRY_SIZE_BYTES),
        [["record-unsigned", 255], ["record-missing", 255]],
    ),
    (
        "the last leaf cut short",
        lambda at: cut(at / "tile/entries/002.p/88", 1),
        [["record-unsigned", 599], ["log-truncated", 599]],
    ),
    ("a leaf too many", lambda at: append(at / "tile/entries/002.p/88", b"\0\0"), [["record-unsigned", 600]]),
    ("entries gone", lambda at: (at / "tile/entries/001").unlink(), [["record-missing", 256]]),
    ("the last entries gone", lambda at: (at / "tile/entries/002.p/88").unlink(), [["log-truncated", 512]]),
    (
        "two leaves exchanged",
        lambda at: exchange(at / "tile/entries/000", 3, 4, ENTRY_SIZE_BYTES),
        [["record-swapped", 3], ["record-swapped", 4]],
    ),
    ("a bit of a tile", lambda at: flip(at / "tile/0/001", 64), [["tile-altered", 258]]),
    ("a bit of the last tile", lambda at: flip(at / "tile/0/002.p/88", 64), [["tile-altered", 514]]),
    ("a tile cut short", lambda at: cut(at / "tile/0/001", 32), [["tile-altered", 256]]),
    ("a tile too long", lambda at: append(at / "tile/0/001", bytes(32)), [["tile-unsigned", None]]),
    ("a tile gone", lambda at: (at / "tile/0/001").unlink(), [["tile-altered", 256]]),
    ("a bit of a tile above", lambda at: flip(at / "tile/1/000.p/2", 33), [["tile-altered", 256]]),
    ("a tile above gone", lambda at: (at / "tile/1/000.p/2").unlink(), [["tile-altered", 0]]),
    (
        "a bit of the checkpoint's root",
        lambda at: flip(at / "checkpoint", 30),
        [["checkpoint-altered", None]],
    ),
    (
        "a bit of the checkpoint's signature",
        lambda at: flip(at / "checkpoint", -10),
        [["checkpoint-altered", None]],
    ),
    (
        "a checkpoint of other records",
        lambda at: (at / "checkpoint").write_text(OTHER),
        [["root-mismatch", 0]],
    ),
]


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:-size])


def append(path: Path, data: bytes) -> None:
    path.write_bytes(path.read_bytes() + data)


def exchange(path: Path, one: int, other: int, size: int) -> None:
    data = path.read_bytes()
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    parts[one], parts[other] = parts[other], parts[one]
    path.write_bytes(b"".join(parts))


CASES = [pytest.param(*case[1:], id=case[0]) for case in CORRUPTIONS]


@pytest.mark.parametrize(("corrupt", "problems"), CASES)
def test_a_named_corruption_is_named(
    corrupt: Callable[[Path], object], problems: list[list[object]], tiles: Path
) -> None:
    corrupt(tiles)
    assert found(verify_tiles(tiles, VKEY)) == problems


def test_checkpoints_that_were_kept(log: Path, tiles: Path) -> None:
    with closing(sqlite3.connect(log)) as database:
        notes = [note for (note,) in database.execute("SELECT note FROM checkpoint")]
    assert verify_tiles(tiles, VKEY, known_checkpoints=notes).checkpoints == 1 + len(notes)
    forked = sign_checkpoint(Checkpoint(ORIGIN, 300, bytes(32)), SIGNER)
    assert found(verify_tiles(tiles, VKEY, known_checkpoints=[forked])) == [["checkpoint-forked", None]]
    longer = sign_checkpoint(Checkpoint(ORIGIN, 700, bytes(32)), SIGNER)
    assert found(verify_tiles(tiles, VKEY, known_checkpoints=[longer])) == [["log-truncated", 600]]


def test_partial_tiles_that_gave_way_to_longer_ones(tiles: Path, log: Path, tmp_path: Path) -> None:
    """A log may drop a partial tile once the full one is there."""
    for kind in ("0", "entries"):
        (tiles / f"tile/{kind}/001").unlink()
    with closing(sqlite3.connect(log)) as database:
        (note,) = database.execute("SELECT note FROM checkpoint WHERE size = 256").fetchone()
        (early,) = database.execute("SELECT note FROM checkpoint WHERE size = 4").fetchone()
    (tiles / "tile/1/000.p/1").write_bytes((tiles / "tile/1/000.p/2").read_bytes()[:32])
    for checkpoint in (note, early):
        (tiles / "checkpoint").write_text(checkpoint)
        assert verify_tiles(tiles, VKEY).problems == ()


def test_a_server_that_compresses(tiles: Path, url: str) -> None:
    compress(tiles / "tile/entries/000")
    compress(tiles / "checkpoint")
    assert verify_tiles(url, VKEY).problems == ()
    (tiles / "tile/entries/000").write_bytes(b"steel")
    with pytest.raises(UsageError, match="damaged"):
        verify_tiles(url, VKEY)


def test_a_server_that_fails_now_and_then(tiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "FIRST_PAUSE_S", 0.01)
    with serve(tiles) as (url, failures):
        failures |= {"/checkpoint": [0, 500], "/tile/0/000": [503, 429, 0], "/tile/entries/001": [0]}
        assert verify_tiles(url, VKEY).problems == ()
        failures["/tile/0/001"] = [500] * 4
        with pytest.raises(UsageError, match=r"tile/0/001: cannot be fetched \(status 500\)"):
            verify_tiles(url, VKEY)
        failures["/tile/0/001"] = [403]
        with pytest.raises(UsageError, match="status 403"):
            verify_tiles(url, VKEY)
        failures["/checkpoint"] = [404]
        with pytest.raises(UsageError, match="there is no checkpoint"):
            verify_tiles(url, VKEY)


def test_a_server_that_sends_without_end(tiles: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_CHECKPOINT_BYTES", 100)
    with pytest.raises(UsageError, match="too long"):
        verify_tiles(url, VKEY)


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/", "/nowhere"])
def test_a_place_that_is_none(place: str) -> None:
    with pytest.raises(UsageError, match="neither"):
        verify_tiles(place, VKEY)


def test_nobody_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fetch, "FIRST_PAUSE_S", 0.01)
    with serve(tmp_path) as (url, _failures):
        pass
    with pytest.raises(UsageError, match="cannot be fetched"):
        verify_tiles(url, VKEY)


def test_the_command(tiles: Path, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log.pub").write_text(VKEY + "\n")
    key = ["--key", str(tmp_path / "log.pub")]
    assert main(["--from-url", url, *key]) == 0
    output = capsys.readouterr().out
    assert "600 records" in output
    assert "Not checked: payloads" in output
    assert main(["--from-dir", str(tiles), *key, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["size"] == 600
    flip(tiles / "tile/entries/000", 40)
    assert main(["--from-dir", str(tiles), *key]) == 1
    assert "leaf-altered: record 0" in capsys.readouterr().out
    assert main(key) == 2
    assert main(["gate.db", "--from-url", url, *key]) == 2
    assert main(["--from-url", "gopher://x", *key]) == 2
