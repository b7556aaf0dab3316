"""Files that people sent go into exports: checked, once each, under names that mislead nobody."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from components.verifier.export import verify_export
from tests.support.export_site import export_to
from tests.support.filed_site import FiledSite, make_filed_site
from tests.unit.audit.export.test_formats import read_mail, read_rsmf

pytestmark = pytest.mark.usefixtures("readers_here")

REPORT = b"%PDF-1.4 the report" * 1000
EVIL = "../../etc/\u202egpj.exe"


@pytest.fixture
async def filed(site_folder: Path) -> FiledSite:
    filed = await make_filed_site(site_folder)
    report = await filed.send("Annual Report.pdf", REPORT, "application/pdf")
    evil = await filed.send(EVIL, b"evil", "text/html", at_s=1)
    await filed.say(f"here: {report.link}", at_s=2)
    await filed.say(f"again: {report.link} and {evil.link}", at_s=3)
    return filed


def keys_of(filed: FiledSite) -> list[str]:
    return [log.verifier_key_file.read_text() for log in filed.site.settings.logs]


def read_files(folder: Path) -> dict[str, list[dict[str, Any]]]:
    lines = (folder / "export.jsonl").read_text("utf-8").splitlines()
    return {each["id"]: each["files"] for each in map(json.loads, lines)}


@pytest.mark.slow
async def test_uploads_lie_in_the_export_once(filed: FiledSite, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = await export_to(filed.site, out, "jsonl", "has:file")
    assert result.counts.matched == 4
    files = read_files(out)
    first, second = files[filed.site.id_of(0)], files[filed.site.id_of(1)]
    assert [(each["name"], each["sha256"]) for each in first] == [
        ("Annual Report.pdf", sha256(REPORT).hexdigest())
    ]
    assert second[0] == first[0]
    assert (out / first[0]["path"]).read_bytes() == REPORT
    assert [path.parent for path in out.rglob("*gpj*")] == [out / "files"]
    assert len(list((out / "files").iterdir())) == 2
    report = verify_export(out, keys_of(filed))
    assert (report.problems, report.proved) == ((), 4)
    assert len(report.logs) == 2


@pytest.mark.slow
async def test_mails_and_rsmf_have_them_attached(filed: FiledSite, tmp_path: Path) -> None:
    await export_to(filed.site, tmp_path / "eml", "eml", "from:alice kind:message")
    (path,) = (tmp_path / "eml").rglob("*.eml")
    attached = list(read_mail(path).iter_attachments())
    assert [(each.get_content_type(), each.get_content()) for each in attached] == [
        ("application/pdf", REPORT),
        # No mail client shows it as a page.
        ("application/octet-stream", b"evil"),
    ]
    assert all("/" not in str(each.get_filename()) for each in attached)
    await export_to(filed.site, tmp_path / "rsmf", "rsmf", "from:alice kind:message")
    (path,) = (tmp_path / "rsmf").rglob("*.rsmf")
    events = read_rsmf(path)["events"]
    assert [len(each["attachments"]) for each in events] == [1, 2]  # type: ignore[arg-type]


async def test_a_file_that_is_gone_or_altered_is_named_and_not_there(
    filed: FiledSite, tmp_path: Path
) -> None:
    for data in (filed.transfer.files / "data").rglob("*"):
        if data.is_file() and data.stat().st_size > 1000:
            data.unlink()
        elif data.is_file():
            content = bytearray(data.read_bytes())
            content[0] ^= 1
            data.write_bytes(content)
    result = await export_to(filed.site, tmp_path / "out", "jsonl", "kind:message")
    assert result.counts.exported == 2
    (gone,), (_, altered) = read_files(tmp_path / "out").values()
    assert (gone["path"], altered["path"]) == ("", "")
    assert "are gone" in gone["fault"] and altered["fault"]
    assert verify_export(tmp_path / "out", keys_of(filed)).problems == ()
