"""What the server keeps comes back as it was, without its archives of messages; a bad copy writes nothing outside."""

import base64
import json
import stat
from pathlib import Path

import pytest

from components.archive.backup import CopyError
from components.site.server_data import FORMAT, LEFT_OUT, pack_server_data, unpack_server_data

KEPT = {
    "metals%2eexample/accounts/alice.dat": b"return { salt = '1' }",
    "metals%2eexample/roster/alice.dat": bytes(range(256)),
    "metals%2eexample/offline/bob.list": b"item({})",
    "rooms%2emetals%2eexample/persistent.dat": b"",
}


def fill(folder: Path) -> None:
    """Write what a server keeps, and what is left out of it."""
    others = {f"metals%2eexample/{name}/alice.list": b"said" for name in LEFT_OUT}
    others["metals%2eexample/accounts/alice.dat~"] = b"half"
    for name, content in {**KEPT, **others}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_it_comes_back_for_its_owner_alone(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    packed = pack_server_data(tmp_path / "data")
    other = tmp_path / "other" / "data"
    made = unpack_server_data(packed, other)
    assert files_in(other) == KEPT
    assert sorted(made) == sorted(other / name for name in KEPT)
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    assert pack_server_data(other) == packed  # the same content is the same file of a backup


def test_an_empty_folder_is_made_and_takes_the_place_of_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert unpack_server_data(pack_server_data(tmp_path / "data"), tmp_path / "data") == []
    assert (tmp_path / "data").is_dir()


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "a/../../outside"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    content = json.dumps({"format": FORMAT, "files": {name: ""}}).encode()
    with pytest.raises(CopyError, match="outside its folder"):
        unpack_server_data(content, tmp_path / "below" / "data")
    assert not (tmp_path / "below" / "data").exists()
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        json.dumps({"format": FORMAT, "files": []}).encode(),
        json.dumps({"format": FORMAT, "files": {"a": 1}}).encode(),
        json.dumps({"format": FORMAT, "files": {"a": "not base64"}}).encode(),
    ],
)
def test_what_is_malformed_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CopyError, match="malformed"):
        unpack_server_data(content, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_another_format_is_named(tmp_path: Path) -> None:
    content = json.dumps({"format": "steelyard-server-data/2", "files": {}}).encode()
    with pytest.raises(CopyError, match="of the format 'steelyard-server-data/2'"):
        unpack_server_data(content, tmp_path / "data")


def test_a_copy_that_was_cut_off_is_made_whole_the_next_time(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    packed = json.loads(pack_server_data(tmp_path / "data"))
    whole = json.dumps(packed).encode()
    packed["files"]["zz/../../x"] = base64.b64encode(b"x").decode()
    other = tmp_path / "other" / "data"
    with pytest.raises(CopyError):
        unpack_server_data(json.dumps(packed).encode(), other)
    assert not other.exists()
    unpack_server_data(whole, other)
    assert files_in(other) == KEPT
