"""Orders on files as they are typed: what is held stays, what expires goes with its file, once nothing refers to it."""

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from components.archive.blobs.errors import BlobDestroyed
from components.archive.blobs.reader import BlobReader
from components.archive.blobs.store import BlobStore
from components.archive.keys import create_log_key, load_recipient
from components.archive.keys.ring import load_key_ring
from components.archive.reader import LogReader
from components.settings.blobs import open_objects
from components.settings.site import SiteFile
from components.settings.transfer import TransferSettings
from components.transfer.destroyed import DestroyedFiles
from components.transfer.state import UploadStore
from tests.support.blobs import content
from tests.support.kept_site import Kept, Sent, TransferAlone, add_transfer, keep_files, url_of
from tests.support.made_site import made_site, site
from tests.support.process import wait_until
from tests.support.retention_site import RETENTION, Shell

pytestmark = pytest.mark.slow

__all__ = ["made_site", "site"]

ANNAS, BOBS = content(900, 1), content(900, 2)


@pytest.fixture
def settings(site: Path, monkeypatch: pytest.MonkeyPatch) -> SiteFile:
    monkeypatch.setenv("STEELYARD_SITE", str(site))
    for name in ("anna", "ben"):
        create_log_key(site.parent / "keys" / f"approver-{name}.key", f"approver/{name}")
    (site.parent / "at-once.toml").write_text(RETENTION)
    text = re.sub(r"(?m)^retention = .*\n", "", site.read_text())
    ours = 'retention = "at-once.toml"\napprovers = ["keys/approver-anna.pub", "keys/approver-ben.pub"]'
    site.write_text(text.replace("[archive]", f"[archive]\n{ours}"))
    return add_transfer(site)


@pytest.fixture
def shell(settings: SiteFile, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(SimpleNamespace(path=settings.path), capsys)  # type: ignore[arg-type]


@pytest.fixture
def kept(settings: SiteFile) -> list[Kept]:
    """Each in a segment of its own."""
    sent = [Sent(ANNAS, owner="alice@metals.example", looks=("127.0.0.1",)), Sent(BOBS), Sent(BOBS)]
    return [file for each in sent for file in keep_files(settings, [each])]


def start(settings: SiteFile) -> int:
    """Do what the component does when it starts; gives how many blobs it destroyed."""

    async def serve() -> int:
        transfer = settings.require(TransferSettings)
        reader = await LogReader.open(transfer.log)
        uploads = await UploadStore.open(transfer.state_file)
        recipients = [load_recipient(path) for path in settings.archive.recipients]
        blobs = BlobStore(open_objects(transfer), transfer.log_origin, b"a" * 64, recipients)
        try:
            return await DestroyedFiles(reader.source, uploads, blobs).serve(0.0)
        finally:
            await uploads.close()
            await reader.close()

    return asyncio.run(serve())


def read(settings: SiteFile, kept: Kept) -> bytes:
    async def all_of_it() -> bytes:
        transfer = settings.require(TransferSettings)
        keys = load_key_ring(settings.audit.key_files)
        blob = await BlobReader(open_objects(transfer), transfer.log_origin, keys).open(kept.blob)
        return b"".join([piece async for piece in blob.read()])

    return asyncio.run(all_of_it())


def plan(shell: Shell) -> list[dict[str, Any]]:
    due: list[dict[str, Any]] = shell.document("archive", "expire", "--plan", "--log", "transfer")["due"]
    return due


def test_a_hold_of_a_person_keeps_the_files_that_they_sent_and_send_later(
    kept: list[Kept], settings: SiteFile, shell: Shell
) -> None:
    hold = ("hold", "--matter", "M-1", "--custodian", "alice@metals.example", "--log", "transfer")
    assert shell.order(*hold)["state"] == "carried out"
    (later,) = keep_files(settings, [Sent(content(900, 3), owner="alice@metals.example")])
    assert (
        shell.order("expire", "--log", "transfer", "--reason", "their time is over")["state"] == "carried out"
    )
    assert start(settings) == 1
    assert read(settings, kept[0]) == ANNAS
    assert read(settings, later) == content(900, 3)
    with pytest.raises(BlobDestroyed):
        read(settings, kept[1])
    status, _, errors = shell.run("archive", "erase", kept[0].record_id)
    assert (status, "hold" in errors) == (2, True)
    assert shell.document("verify", "--log", "transfer")["ok"]


def test_a_file_goes_with_the_last_of_its_records(kept: list[Kept], settings: SiteFile, shell: Shell) -> None:
    assert shell.order("erase", kept[1].record_id)["state"] == "carried out"
    assert start(settings) == 0
    assert read(settings, kept[2]) == BOBS
    status, _, errors = shell.run("files", "show", kept[1].record_id)
    assert (status, "was destroyed by an order" in errors) == (2, True)
    assert shell.order("erase", kept[2].record_id)["state"] == "carried out"
    # The command was the writer; the component has yet to come to it, and the verifier says so.
    document = shell.document("verify", "--log", "transfer")
    assert [problem["kind"] for problem in document["files"]["problems"]] == ["blob-not-destroyed"]
    assert start(settings) == 1
    document = shell.document("verify", "--log", "transfer")
    assert (document["ok"], document["files"]["destroyed"]) == (True, 1)
    listed = shell.document("files", "list")
    assert [file["id"] for file in listed["files"]] == [kept[0].record_id]
    assert listed["destroyed"] == 2


def test_queries_and_conversations_do_not_hold_files(kept: list[Kept], shell: Shell) -> None:
    for scope in (("--query", "copper"), ("--conversation", "alice@metals.example,bob@metals.example")):
        status, _, errors = shell.run("archive", "hold", "--matter", "M", *scope, "--log", "transfer")
        assert (status, "look into the log gate only" in errors) == (2, True)
    assert len(kept) == 3


@pytest.mark.programs
async def test_the_running_component_carries_an_order_out_and_destroys_the_file(
    kept: list[Kept], settings: SiteFile, shell: Shell
) -> None:
    def order() -> dict[str, Any]:
        return shell.order("erase", kept[0].record_id)

    async with TransferAlone(settings.path) as transfer, aiohttp.ClientSession() as client:
        links = [url_of(transfer.settings, each) for each in kept]

        async def status_of(link: str) -> int:
            async with client.get(link) as response:
                await response.read()
                return response.status

        async def statuses() -> list[int]:
            return [await status_of(link) for link in links]

        assert await statuses() == [200, 200, 200]
        assert (await asyncio.to_thread(order))["state"] == "carried out"
        head = settings.folder / "files" / kept[0].blob.head_name
        assert await wait_until(lambda: "destroyed_at_ns" in head.read_text())
        assert await statuses() == [404, 200, 200]
