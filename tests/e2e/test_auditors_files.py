"""Files on auditors' own machines, over the feed and real TLS: copied sealed, read with the key there, destroyed."""

import dataclasses
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from components.audit.auditor import find_auditor
from components.audit.checks.verify_blobs import verify_blobs
from components.audit.export.export import Wanted, export
from components.audit.files.export import export_file
from components.audit.files.fetch import fetch_file
from components.audit.files.list import FileFilter
from components.audit.files.show import show_file
from components.audit.open_log import open_log
from components.audit.search import Page, search
from components.cli.output.console import progress_bar
from components.follow.client import FeedLacks, FeedRefused
from components.process.errors import SiteError
from components.process.progress import ignore_progress
from components.rules.file_links import FileLink
from components.settings.site import SiteFile
from components.site.rescan import rescan_files
from policy.address import BareJid
from tests.e2e.test_auditors_feed import running
from tests.support.fed_files import FedFiles, make_fed_files, stored
from tests.support.machines import ALICE, BOB, say
from tests.support.process import PATIENCE_S

TEXT = b"The certificate of assay for cathodes: 99.99 % copper.\n" * 3


@pytest.fixture
async def filed(tmp_path: Path) -> FedFiles:
    return await make_fed_files(tmp_path)


async def follow_once(filed: FedFiles, who: str = "erin") -> dict[str, int]:
    """Bring a machine up to date, and return what its status says of files."""
    async with filed.fed.serve() as (_server, port), filed.fed.follow(who, port) as service:
        await service.catch_up()
        told: Any = service.describe().details["files"]
        return dict(told)


async def find(site: SiteFile, query: str) -> list[str]:
    found = await search(site, query, Page(100), ignore_progress, find_auditor(site, "erin"))
    return [view.id for view in found.records]


async def test_files_reach_the_machine_and_are_read_there_with_its_key_alone(
    filed: FedFiles, tmp_path: Path
) -> None:
    sent = await filed.send("assay.txt", TEXT, delivered=b"The copy.")
    large = await filed.send("large.bin", bytes(range(256)) * 4000)
    counts = await follow_once(filed)
    assert counts == {"here": 2, "waiting": 0, "left_out": 0, "faulty": 0}
    erins = filed.fed.machines["erin"]
    erin = find_auditor(erins, "erin")
    # Nothing at the site opens them: the key is on the machine.
    assert not list((tmp_path / "server/keys").glob("auditor.key"))
    detail = await show_file(erins, sent.id, ignore_progress, erin)
    assert detail.is_whole
    assert detail.copy is not None
    for kept in (sent, large):
        exported = await export_file(erins, kept.id, tmp_path, ignore_progress, erin)
        assert exported.path.read_bytes() == kept.content
    (tmp_path / "copy").mkdir()
    copy = await export_file(erins, sent.id, tmp_path / "copy", ignore_progress, erin, delivered=True)
    assert copy.path.read_bytes() == b"The copy."
    report = await verify_blobs(erins, progress_bar)
    assert report is not None
    assert (report.problems, report.intact, report.opened) == ([], 3, 3)
    assert await find(erins, "has:file") == [sent.id, large.id]
    assert await find(erins, '"certificate of assay"') == [sent.id]


async def test_what_lies_on_the_machine_is_what_lies_at_the_site(filed: FedFiles) -> None:
    sent = await filed.send("assay.txt", TEXT)
    await follow_once(filed)
    copies = filed.copies("erin")
    assert filed.data_of(sent.blob, copies).read_bytes() == filed.data_of(sent.blob).read_bytes()
    head, theirs = (json.loads((root / sent.blob.head_name).read_bytes()) for root in (copies, filed.folder))
    assert {**head, "data": ""} == {**theirs, "data": ""}
    assert b"assay" not in b"".join(stored(copies).values())


async def test_a_file_that_is_sent_again_comes_once(filed: FedFiles) -> None:
    await filed.send("assay.txt", TEXT)
    await follow_once(filed)
    before = stored(filed.copies("erin"))
    second = await filed.send("again.txt", TEXT)
    assert await follow_once(filed) == {"here": 1, "waiting": 0, "left_out": 0, "faulty": 0}
    assert stored(filed.copies("erin")) == before
    # But a copy beside it, which came later, comes, too.
    third = await filed.send("third.txt", TEXT, delivered=b"without what it tells")
    await follow_once(filed)
    erins = filed.fed.machines["erin"]
    assert second.blob == third.blob
    detail = await show_file(erins, third.id, ignore_progress, find_auditor(erins, "erin"))
    assert detail.is_whole
    assert detail.copy is not None


async def test_a_large_file_comes_when_somebody_asks_for_it(tmp_path: Path) -> None:
    filed = await make_fed_files(tmp_path)
    erin = filed.fed.root / "erin/site.toml"
    erin.write_text(erin.read_text().replace("[follow]", "[follow]\nfiles_mib = 0"))
    filed.fed.machines["erin"] = SiteFile(erin)
    sent = await filed.send("assay.txt", TEXT)
    async with filed.fed.serve() as (_server, port), filed.fed.follow("erin", port) as service:
        await service.catch_up()
        files = service.files
        assert files is not None
        assert dataclasses.asdict(files.count()) == {
            "here": 0,
            "waiting": 0,
            "left_out": 1,
            "faulty": 0,
            "faults": [],
        }
        assert await files.answer(sent.record) is None
        await service.catch_up()
        assert await files.answer(sent.record) == ""
        assert await files.answer(
            sent.record + 1000
        ) == "transfer/1000 refers to no file that is kept".replace("1000", str(sent.record + 1000))
    assert (filed.copies("erin") / sent.blob.head_name).exists()


async def test_a_machine_without_the_log_of_files_gets_none(filed: FedFiles) -> None:
    sent = await filed.send("assay.txt", TEXT)
    filed.fed.rewrite('own_log = "audit-faye"', 'logs = ["gate"]')
    async with filed.fed.serve() as (_server, port), filed.fed.connect("faye", port) as client:
        for path in (f"/logs/transfer/files/{sent.record}", f"/logs/gate/files/{sent.record}"):
            with pytest.raises(FeedRefused):
                await client._ask("GET", path)


async def test_files_are_asked_for_by_records_and_by_nothing_else(filed: FedFiles) -> None:
    """A file that no record refers to is not there, whoever knows or guesses its hash; nor is any other path."""
    sent = await filed.send("assay.txt", TEXT)
    other = await filed.send("other.txt", TEXT + b"other")
    unrecorded = await filed.keep(b"what nobody has recorded")
    hidden = [
        unrecorded.digest.hex(),
        other.blob.digest.hex(),
        sha256(TEXT).hexdigest(),
        "..",
        "%2e%2e",
        "0" * 64,
    ]
    async with filed.fed.serve() as (_server, port), filed.fed.connect("erin", port) as client:
        for digest in hidden:
            with pytest.raises(FeedRefused):
                await client._ask("GET", f"/logs/transfer/files/{sent.record}/{digest}")
        digest = sent.blob.digest.hex()
        for record in ("-1", "0", "x", "9" * 15, "9" * 400, "..%2f..%2fkeys", f"{sent.record}%00", "١"):
            with pytest.raises(FeedRefused):
                await client._ask("GET", f"/logs/transfer/files/{record}")
            with pytest.raises(FeedRefused):
                await client._ask("GET", f"/logs/transfer/files/{record}/{digest}")
        for start in ("-1", "999999999999"):
            with pytest.raises(FeedLacks):
                await client._ask("GET", f"/logs/transfer/files/{sent.record}/{digest}", {"from": start})
        _status, whole = await client._ask("GET", f"/logs/transfer/files/{sent.record}/{digest}")
        _status, rest = await client._ask(
            "GET", f"/logs/transfer/files/{sent.record}/{digest}", {"from": "9"}
        )
        assert whole == filed.data_of(sent.blob).read_bytes()
        assert rest == whole[9:]


async def test_a_file_that_is_gone_at_the_site_is_named_and_comes_when_it_is_back(filed: FedFiles) -> None:
    gone, there = await filed.send("gone.txt", TEXT), await filed.send("there.txt", TEXT + b"!")
    data = filed.data_of(gone.blob)
    away = data.rename(data.with_name("away"))
    async with filed.fed.serve() as (_server, port), filed.fed.follow("erin", port) as service:
        files = service.files
        assert files is not None
        now_s = 1000.0
        files.clock_s = lambda: now_s
        await service.catch_up()
        assert files.count().here == 1
        (fault,) = files.count().faults
        assert fault.startswith(f"transfer/{gone.record}: ")
        assert "gone" in fault
        assert f"the file of {fault}" in str(service.describe().details["faults"])
        away.rename(data)
        await service.catch_up()
        assert files.count().faulty == 1
        now_s += 3600.0
        await service.catch_up()
        assert (files.count().here, files.count().faulty) == (2, 0)
    assert there.blob != gone.blob


async def test_exports_on_the_machine_have_the_files(filed: FedFiles, tmp_path: Path) -> None:
    sent = await filed.send("assay.txt", TEXT)
    (number,) = await filed.fed.append(say(1, ALICE, BOB, f"see {sent.link}"))
    await follow_once(filed)
    erins = filed.fed.machines["erin"]
    assert f"gate/{number}" in await find(erins, "cathodes has:file")
    wanted = Wanted("from:alice", "jsonl")
    await export(erins, wanted, tmp_path / "out", ignore_progress, find_auditor(erins, "erin"))
    (file,) = [path for path in (tmp_path / "out").rglob("*assay.txt") if path.is_file()]
    assert file.read_bytes() == sent.content


async def test_a_content_that_the_record_does_not_name_is_believed_by_nobody(
    filed: FedFiles, tmp_path: Path
) -> None:
    """Anybody can seal something to the auditors: who runs the site, too."""
    forged = await filed.keep(b"something that somebody wishes had been said")
    id_ = bytes(16)
    record = f"transfer/{await filed.record('forged.txt', b'what was sent', forged, file=id_.hex())}"
    link = filed.links.make(FileLink(id_, BareJid("alice@metals.example"), 2_000_000_000), "forged.txt")
    await filed.fed.append(say(1, ALICE, BOB, f"see {link}"))
    assert (await follow_once(filed))["here"] == 1
    erins = filed.fed.machines["erin"]
    erin = find_auditor(erins, "erin")
    assert await find(erins, "wishes") == []
    assert record in await find(erins, "has:file")
    with pytest.raises(SiteError, match="another content"):
        await export_file(erins, record, tmp_path, ignore_progress, erin)
    out = tmp_path / "out"
    await export(erins, Wanted("from:alice", "jsonl"), out, ignore_progress, erin)
    written = [path.read_bytes() for path in out.rglob("*") if path.is_file()]
    assert any(b"another content" in each for each in written)
    assert not any(b"wishes" in each for each in written)
    report = await verify_blobs(erins, progress_bar)
    assert report is not None
    assert [problem.kind for problem in report.problems] == ["blob-altered"]


async def test_files_are_looked_into_again_on_the_machine(filed: FedFiles) -> None:
    await filed.send("assay.txt", TEXT)
    await follow_once(filed)
    found = await rescan_files(filed.fed.machines["erin"], FileFilter(), progress_bar, report_only=True)
    assert (found.looked, found.unopened, found.findings) == (1, 0, ())


async def test_a_file_is_fetched_by_who_asks_and_the_request_is_a_look(
    filed: FedFiles, tmp_path: Path
) -> None:
    path = filed.fed.root / "erin/site.toml"
    path.write_text(path.read_text().replace("[follow]", "[follow]\nfiles_mib = 0"))
    filed.fed.machines["erin"] = erins = SiteFile(path)
    erin = find_auditor(erins, "erin")
    sent = await filed.send("assay.txt", TEXT)
    async with filed.fed.serve() as (_server, port), filed.fed.follow("erin", port) as service:
        await service.catch_up()
        # Nobody carries the request.
        with pytest.raises(SiteError, match="not here after 0 s"):
            await fetch_file(erins, sent.id, 0.0, erin)
        async with running(service):
            fetched = await fetch_file(erins, sent.id, PATIENCE_S, erin)
            assert fetched.access_id.startswith("audit-erin/")
            exported = await export_file(erins, sent.id, tmp_path, ignore_progress, erin)
            assert exported.path.read_bytes() == TEXT
            with pytest.raises(SiteError, match="no file that is kept"):
                await fetch_file(erins, "transfer/0", PATIENCE_S, erin)
        size = await looks_of(erins)
        assert size == 3
        with pytest.raises(SiteError, match="no record of a file"):
            await fetch_file(erins, "gate/0", PATIENCE_S, erin)
        assert await looks_of(erins) == size
    with pytest.raises(SiteError, match="follows no feed"):
        await fetch_file(filed.fed.site, sent.id, PATIENCE_S)


async def looks_of(site: SiteFile) -> int:
    async with open_log(site, site.audit_log) as log:
        opened = await log.fetch(0, await log.reader.size())
    return sum(b"files fetch" in (each.payload or b"") for each in opened)
