"""`steelyard backup` with files that people sent: what is damaged is named, what is left out is told."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.settings.blobs import open_objects
from components.settings.site import SiteFile
from components.settings.transfer import TransferSettings
from components.transfer.state import Settled, Stage, UploadStore
from tests.support.blobs import content, names
from tests.support.command import run_command
from tests.support.kept_site import Kept, Sent, add_transfer, keep_files
from tests.support.made_site import made_site, site
from tests.support.s3_server import BUCKET, S3Server

__all__ = ["made_site", "site"]

FILES = [Sent(content(size, size), name=f"{size}.pdf") for size in (10, 70_000, 70_001)]


@pytest.fixture
def settings(site: Path, monkeypatch: pytest.MonkeyPatch) -> SiteFile:
    monkeypatch.setenv("STEELYARD_SITE", str(site))
    return add_transfer(site)


@pytest.fixture
def s3(tmp_path: Path, settings: SiteFile, monkeypatch: pytest.MonkeyPatch) -> Iterator[SiteFile]:
    """The same site, with its files in a bucket."""
    server = S3Server(tmp_path)
    asyncio.run(server.start())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "one")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "two")
    bucket = f'\n[transfer.s3]\nbucket = "{BUCKET}"\nendpoint = "{server.endpoint}"\n'
    settings.path.write_text(settings.path.read_text() + bucket)
    yield SiteFile(settings.path)
    asyncio.run(server.stop())


def run(
    capsys: pytest.CaptureFixture[str], command: str, path: Path, *options: object
) -> tuple[int, dict[str, Any], str]:
    capsys.readouterr()
    status = run_command(command, path, *options, "--json")
    out, err = capsys.readouterr()
    return status, json.loads(out) if out else {}, err


@pytest.mark.slow
def test_a_damaged_file_is_named_and_the_rest_is_backed_up(
    settings: SiteFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = keep_files(settings, FILES)
    head = json.loads((settings.folder / "files" / kept[1].blob.head_name).read_text())
    (settings.folder / "files" / head["data"]).write_bytes(b"?")
    status, told, _ = run(capsys, "backup", tmp_path / "backup")
    assert (status, told["blobs"]["blobs"], told["blobs"]["problem_count"]) == (1, 2, 1)
    assert told["blobs"]["problems"][0]["blob"] == kept[1].upload.address
    assert told["logs"]["transfer"]["records"] > 3
    assert run_command("backup", tmp_path / "backup") == 1
    assert "1 are damaged or missing" in capsys.readouterr().out


def test_the_state_in_a_backup_has_what_its_log_knows(
    settings: SiteFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = keep_files(settings, FILES)
    state = settings.folder / "run" / "transfer.db"

    async def change() -> None:
        uploads = await UploadStore.open(state)
        settled = Settled(Stage.ANSWERED, (), "", 10_000, "", 0)
        uploads.settle(kept[1].upload.id, settled)
        uploads.mark_stored(kept[2].upload.id, kept[2].upload.address)
        uploads.finish_order("an order")
        await uploads.close()

    async def look(path: Path) -> tuple[list[bool], set[str]]:
        uploads = await UploadStore.open(path)
        found = [await uploads.find(each.upload.id) is not None for each in kept]
        finished = await uploads.list_finished()
        await uploads.close()
        return found, finished

    asyncio.run(change())
    assert run(capsys, "backup", tmp_path / "backup", "--with-keys")[0] == 0
    for file in (tmp_path / "backup").rglob("*"):
        assert not file.is_file() or b"anna@metals.example" not in file.read_bytes()
    restored = tmp_path / "restored" / "site.toml"
    status, told, _ = run(capsys, "restore", tmp_path / "backup", "--site", restored)
    assert (status, told["blobs"]) == (0, 3)
    assert asyncio.run(look(restored.parent / "run" / "transfer.db")) == ([True, False, False], set())


def read_all(settings: SiteFile, kept: list[Kept], folder: Path) -> list[bytes]:
    folder.mkdir()
    for each in kept:
        assert run_command("files", "export", each.record_id, "--out", folder, "--site", settings.path) == 0
    return [(folder / each.upload.name).read_bytes() for each in kept]


@pytest.mark.programs
def test_a_bucket_is_left_out_and_told_unless_it_is_asked_for(
    s3: SiteFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = keep_files(s3, FILES)
    status, told, _ = run(capsys, "backup", tmp_path / "without")
    assert (status, told["blobs"], told["left_in_bucket"]) == (0, None, BUCKET)
    assert run_command("backup", tmp_path / "without") == 0
    assert f"Files in the bucket {BUCKET} are not in it" in capsys.readouterr().out
    status, told, _ = run(capsys, "backup", tmp_path / "with", "--with-bucket", "--full-check")
    assert (status, told["blobs"]["written"], told["left_in_bucket"]) == (0, 3, None)
    # What is in a backup does not silently leave it.
    status, _, err = run(capsys, "backup", tmp_path / "with")
    assert (status, "--with-bucket" in err) == (2, True)
    assert read_all(s3, kept, tmp_path / "out") == [each.content for each in FILES]
    asyncio.run(empty(s3))
    restored = tmp_path / "restored" / "site.toml"
    status, told, err = run(capsys, "restore", tmp_path / "with", "--site", restored)
    assert (status, told["blobs"]) == (0, 3), err
    assert read_all(s3, kept, tmp_path / "again") == [each.content for each in FILES]


async def empty(settings: SiteFile) -> None:
    objects = open_objects(settings.require(TransferSettings))
    for name in await names(objects):
        await objects.delete(name)
