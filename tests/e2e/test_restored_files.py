"""A site that is restored into an empty folder hands out its files, and auditors open and verify them."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.blobs import content
from tests.support.command import run_command
from tests.support.kept_site import Kept, Sent, TransferAlone, add_transfer, keep_files, url_of
from tests.support.made_site import made_site, site

__all__ = ["made_site", "site"]

PICTURE = Sent(b"a picture, and where it was taken", name="warehouse.jpg", copy=b"a picture")
"""Readers get a copy without its metadata."""
FILES = [PICTURE, *(Sent(content(size, size), name=f"報告 {size}.pdf") for size in (0, 1, 700, 3_000_000))]


@pytest.fixture
def restored(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, list[Kept]]:
    settings = add_transfer(site)
    kept = keep_files(settings, [*FILES, FILES[3]])
    backup, there = tmp_path / "backup", tmp_path / "restored" / "site.toml"
    assert run_command("backup", backup, "--with-keys", "--site", site) == 0
    (later,) = keep_files(settings, [Sent(b"later")])
    capsys.readouterr()
    assert run_command("backup", backup, "--with-keys", "--full-check", "--site", site, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["blobs"]["written"] == 1
    site.parent.rename(tmp_path / "lost")
    assert run_command("restore", backup, "--site", there) == 0
    return there, [*kept, later]


async def test_links_that_were_sent_before_open(restored: tuple[Path, list[Kept]]) -> None:
    site_toml, kept = restored
    transfer = TransferAlone(site_toml)
    await transfer.start()
    try:
        async with aiohttp.ClientSession() as client:
            for each, sent in zip(kept, [*FILES, FILES[3], Sent(b"later")], strict=True):
                async with client.get(url_of(transfer.settings, each)) as response:
                    assert response.status == 200
                    assert await response.read() == (sent.copy or sent.content)
    finally:
        await transfer.kill9()


def test_auditors_open_and_verify_them(
    restored: tuple[Path, list[Kept]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site_toml, kept = restored
    out = tmp_path / "out"
    out.mkdir()

    def run(*arguments: object) -> dict[str, Any]:
        capsys.readouterr()
        assert run_command(*arguments, "--site", site_toml, "--json") == 0
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    found = run("verify", "--log", "transfer")["files"]
    # Those of FILES, the copy of one, and the one that came later.
    assert (found["intact"], found["opened"]) == (len(FILES) + 2, len(FILES) + 2)
    assert len(run("files", "list")["files"]) == len(kept)
    for each, sent in zip(kept[: len(FILES)], FILES, strict=True):
        exported = run("files", "export", each.record_id, "--out", out)
        written = Path(exported["path"]).read_bytes()
        assert written == sent.content
        assert exported["file"]["sha256"] == sha256(written).hexdigest()
    (copies := tmp_path / "copies").mkdir()
    delivered = run("files", "export", kept[0].record_id, "--delivered", "--out", copies)
    assert Path(delivered["path"]).read_bytes() == PICTURE.copy
