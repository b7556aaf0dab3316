"""Files on auditors' own machines where the site keeps them in a bucket: read from there with the machine's key."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.archive.blobs.store import BlobStore
from components.archive.keys import load_recipient
from components.audit.auditor import find_auditor
from components.audit.checks.verify_blobs import verify_blobs
from components.audit.export.export import Wanted, export
from components.audit.files.export import export_file
from components.audit.files.show import show_file
from components.audit.search import Page, search
from components.cli.output.console import progress_bar
from components.process.errors import SiteError
from components.process.progress import ignore_progress
from components.settings.blobs import open_objects
from components.settings.site import SiteFile
from tests.support.fed_files import FedFiles, make_fed_files, stored, transfer_of
from tests.support.machines import ALICE, BOB, say
from tests.support.s3_server import BUCKET, S3Server

TEXT = b"The certificate of assay for cathodes: 99.99 % copper.\n" * 3


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
async def filed(tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> FedFiles:
    """The site and the machines of Erin and Faye, who all name one bucket."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "one")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "two")
    filed = await make_fed_files(tmp_path)
    table = f'\n[transfer.s3]\nbucket = "{BUCKET}"\nprefix = "{tmp_path.name}"\nendpoint = "{s3_server.endpoint}"\n'
    for site in (filed.fed.site, *filed.fed.machines.values()):
        site.path.write_text(site.path.read_text() + table)
    filed.fed.reread()
    filed.fed.machines = {who: SiteFile(site.path) for who, site in filed.fed.machines.items()}
    settings = transfer_of(filed.fed.site)
    recipients = [load_recipient(path) for path in filed.fed.site.archive.recipients]
    filed.blobs = BlobStore(open_objects(settings), settings.log_origin, b"a" * 32, recipients)
    return filed


async def test_files_in_a_bucket_are_read_on_the_machine_and_not_copied(
    filed: FedFiles, tmp_path: Path
) -> None:
    sent = await filed.send("assay.txt", TEXT, delivered=b"The copy.")
    (number,) = await filed.fed.append(say(1, ALICE, BOB, f"see {sent.link}"))
    async with filed.fed.serve() as (_server, port), filed.fed.follow("erin", port) as service:
        await service.catch_up()
        assert service.files is None
        # The records came by the feed; of files nothing lies on the machine, nor in a folder of the site.
        assert stored(filed.copies("erin")) == stored(filed.folder) == {}
        erins = filed.fed.machines["erin"]
        erin = find_auditor(erins, "erin")
        assert (await show_file(erins, sent.id, ignore_progress, erin)).is_whole
        exported = await export_file(erins, sent.id, tmp_path, ignore_progress, erin)
        assert exported.path.read_bytes() == TEXT
        found = await search(erins, '"certificate of assay"', Page(10), ignore_progress, erin)
        assert {view.id for view in found.records} == {sent.id, f"gate/{number}"}
        report = await verify_blobs(erins, progress_bar)
        assert report is not None
        assert (report.problems, report.intact, report.opened) == ([], 2, 2)
        out = tmp_path / "out"
        await export(erins, Wanted("from:alice", "jsonl"), out, ignore_progress, erin)
        (file,) = [path for path in out.rglob("*assay.txt") if path.is_file()]
        assert file.read_bytes() == TEXT


async def test_a_file_that_is_gone_from_the_bucket_is_told(filed: FedFiles, tmp_path: Path) -> None:
    sent = await filed.send("assay.txt", TEXT)
    objects = open_objects(transfer_of(filed.fed.site))
    await objects.delete(sent.blob.head_name)
    await objects.close()
    async with filed.fed.serve() as (_server, port), filed.fed.follow("erin", port) as service:
        await service.catch_up()
    erins = filed.fed.machines["erin"]
    with pytest.raises(SiteError, match=r"assay|transfer/|missing|not there"):
        await export_file(erins, sent.id, tmp_path, ignore_progress, find_auditor(erins, "erin"))
    report = await verify_blobs(erins, progress_bar)
    assert report is not None
    assert [problem.kind for problem in report.problems] == ["blob-missing"]
