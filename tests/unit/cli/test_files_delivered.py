"""Files of which readers got a copy: the auditors' commands show, write, verify, back up and destroy both."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from components.archive.blobs.address import BlobAddress, parse_address
from components.settings.site import SiteFile
from tests.support.blobs import content
from tests.support.command import run_command
from tests.support.kept_site import Kept, Sent, add_transfer, keep_files
from tests.support.made_site import made_site, site

__all__ = ["made_site", "site"]

PICTURE, COPY, TEXT = content(90_000, 1), content(80_000, 2), content(500, 3)


@pytest.fixture
def settings(site: Path, monkeypatch: pytest.MonkeyPatch) -> SiteFile:
    monkeypatch.setenv("STEELYARD_SITE", str(site))
    return add_transfer(site)


@pytest.fixture
def kept(settings: SiteFile) -> list[Kept]:
    return keep_files(settings, [Sent(PICTURE, name="hall.jpg", copy=COPY), Sent(TEXT)])


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = run_command(*arguments, "--json")
    out, err = capsys.readouterr()
    assert status in (0, 1), err
    document: dict[str, Any] = json.loads(out)
    return status, document


def copy_of(kept: Kept) -> BlobAddress:
    return parse_address(kept.upload.delivered)


def test_both_are_shown(kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]) -> None:
    status, document = run(capsys, "files", "show", kept[0].record_id)
    assert (status, document["blob"]["state"], document["delivered"]["state"]) == (0, "intact", "intact")
    assert document["file"]["delivered"] == {
        "blob": kept[0].upload.delivered,
        "sha256": sha256(COPY).hexdigest(),
        "size_bytes": len(COPY),
    }
    capsys.readouterr()
    assert run_command("files", "show", kept[0].record_id) == 0
    told = capsys.readouterr().out
    assert "a copy without metadata, 80,000 bytes" in told
    assert sha256(COPY).hexdigest() in told
    assert run(capsys, "files", "show", kept[1].record_id)[1]["delivered"] is None
    (settings.folder / "files" / copy_of(kept[0]).head_name).unlink()
    status, document = run(capsys, "files", "show", kept[0].record_id)
    assert (status, document["blob"]["state"], document["delivered"]["state"]) == (1, "intact", "missing")


def test_either_is_written(
    kept: list[Kept], tmp_path: Path, settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    for option, expected in ((), PICTURE), (("--delivered",), COPY):
        folder = tmp_path / f"out{len(option)}"
        folder.mkdir()
        document = run(capsys, "files", "export", kept[0].record_id, "--out", folder, *option)[1]
        assert (document["delivered"], (folder / "hall.jpg").read_bytes()) == (bool(option), expected)
    # Of a file that was delivered as it is, the same is written.
    document = run(capsys, "files", "export", kept[1].record_id, "--out", tmp_path, "--delivered")[1]
    assert (document["delivered"], Path(document["path"]).read_bytes()) == (False, TEXT)
    capsys.readouterr()
    (tmp_path / "more").mkdir()
    assert run_command("files", "export", kept[0].record_id, "--out", tmp_path / "more", "--delivered") == 0
    assert (
        "80,000 bytes, the copy that readers got, its SHA-256 is the recorded one" in capsys.readouterr().out
    )


def test_what_readers_have_is_found_by_its_hash(kept: list[Kept], capsys: pytest.CaptureFixture[str]) -> None:
    for data in (PICTURE, COPY):
        document = run(capsys, "files", "list", "--hash", sha256(data).hexdigest())[1]
        assert [each["id"] for each in document["files"]] == [kept[0].record_id]


def verify(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    status, document = run(capsys, "verify", "--log", "transfer")
    found: dict[str, Any] = document["files"]
    return status, found


def test_both_are_verified(kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = verify(capsys)
    assert (status, found["intact"], found["opened"], found["unrecorded"]) == (0, 3, 3, 0)
    head = settings.folder / "files" / copy_of(kept[0]).head_name
    whole = head.read_bytes()
    head.write_bytes(whole.replace(b'"stored_sha256":"', b'"stored_sha256":"0')[:-1] + b"}")
    status, found = verify(capsys)
    assert [(each["kind"], each["index"]) for each in found["problems"]] == [("blob-altered", kept[0].record)]
    assert status == 1
    head.unlink()
    status, found = verify(capsys)
    ((kind, index, detail),) = [(each["kind"], each["index"], each["detail"]) for each in found["problems"]]
    assert (status, kind, index) == (1, "blob-missing", kept[0].record)
    assert kept[0].upload.delivered in detail


def test_a_file_that_is_gone_beside_its_copy_is_missed(
    kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    (settings.folder / "files" / kept[0].blob.head_name).unlink()
    status, found = verify(capsys)
    assert status == 1
    ((kind, detail),) = [(each["kind"], each["detail"]) for each in found["problems"]]
    assert (kind, kept[0].upload.address in detail) == ("blob-missing", True)
