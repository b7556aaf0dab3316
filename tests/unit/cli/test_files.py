"""`steelyard files` as it is typed: every look is a record first, and what is written is what was sent."""

import asyncio
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from components.archive.record import Access, RecordKind, parse_record
from components.audit.open_log import open_log
from components.settings.site import SiteFile
from tests.support.blobs import content
from tests.support.command import run_command
from tests.support.kept_site import Kept, Sent, add_transfer, keep_files, remove_transfer
from tests.support.made_site import made_site, site
from tests.support.typed import file_of

pytestmark = pytest.mark.slow

__all__ = ["made_site", "site"]

TIN, LEAD = content(200_000, 1), content(70, 2)


@pytest.fixture
def settings(site: Path, monkeypatch: pytest.MonkeyPatch) -> SiteFile:
    monkeypatch.setenv("STEELYARD_SITE", str(site))
    return add_transfer(site)


@pytest.fixture
def kept(settings: SiteFile) -> list[Kept]:
    return keep_files(
        settings,
        [
            Sent(TIN, looks=("127.0.0.1", "192.0.2.7")),
            Sent(LEAD, name="Fotos.ZIP", owner="bob@metals.example"),
            Sent(LEAD, name="Fotos 2.zip", owner="bob@metals.example", looks=("127.0.0.2",)),
        ],
    )


class Said:
    """What a command printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        capsys.readouterr()
        self.status = run_command("files", *arguments)
        self.out, self.err = capsys.readouterr()

    @property
    def document(self) -> dict[str, Any]:
        assert self.status in (0, 1), self.err
        found: dict[str, Any] = json.loads(self.out)
        return found


def looks(settings: SiteFile) -> list[tuple[str, str, int]]:
    """Return what the auditors' log says."""

    async def read() -> list[Access]:
        async with open_log(settings, settings.audit_log) as log:
            opened = await log.fetch(0, await log.reader.size())
        return [
            parse_record(RecordKind.ACCESS, each.payload or b"")  # type: ignore[misc]
            for each in opened
            if each.leaf.kind == RecordKind.ACCESS
        ]

    if not Path(str(settings.audit_log.store)).exists():
        return []
    return [(each.act, each.query, each.result_count) for each in asyncio.run(read())]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), [0, 1, 2]),
        (("--owner", "bob@metals.example"), [1, 2]),
        (("--owner", "Anna@metals.example"), [0]),
        (("--name", "fotos"), [1, 2]),
        (("--name", "報告"), [0]),
        (("--hash", sha256(LEAD).hexdigest()[:12].upper()), [1, 2]),
        (("--hash", "0" * 64), []),
        (("--after", "2026-01-01"), [0, 1, 2]),
        (("--before", "2026-01-01"), []),
        (("--after", "1h", "--name", "2.zip"), [2]),
        (("--limit", "1"), [2]),
    ],
)
def test_files_are_listed(
    options: tuple[str, ...],
    found: list[int],
    kept: list[Kept],
    settings: SiteFile,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = Said(capsys, "list", *options, "--json").document
    assert [each["id"] for each in document["files"]] == [kept[number].record_id for number in found]
    ((act, query, count),) = looks(settings)
    assert (act, count) == ("files list", document["matched"])
    given = dict(zip(options[::2], options[1::2], strict=True))
    wanted = {f"{_FIELDS[name]}:{value}" for name, value in given.items() if name in _FIELDS}
    assert set(query.split()) == wanted


_FIELDS = {"--owner": "owner", "--name": "name", "--hash": "sha256", "--after": "after", "--before": "before"}


def test_the_folder_of_a_site_names_its_file(
    kept: list[Kept], site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for named in (site, site.parent):
        assert len(Said(capsys, "list", "--site", named, "--json").document["files"]) == 3
    # One that has yet to be made, too: no site is made in the folder above.
    said = Said(capsys, "list", "--site", site.parent / "other")
    assert said.status == 2
    assert "other/site.toml: no such file" in said.err


def test_a_list_fits_a_narrow_terminal(
    kept: list[Kept], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("COLUMNS", "80"), ("TERM", "xterm"), ("FORCE_COLOR", "1")):
        monkeypatch.setenv(name, value)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", Said(capsys, "list").out).splitlines()
    assert all(cell_len(line) <= 80 for line in lines)
    assert lines[0].split()[0] == kept[0].record_id
    assert lines[0].endswith("200,000 bytes")
    assert "報告 1.pdf" in lines[1]
    assert "…" not in "".join(lines)


def test_a_list_says_what_people_need(kept: list[Kept], capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, "list")
    assert said.status == 0
    for part in ("anna@metals.example", "200,000", "報告 1.pdf", kept[0].record_id, "record audit/"):
        assert part in said.out
    (first, *_rest) = Said(capsys, "list", "--json").document["files"]
    assert first["sha256"] == sha256(TIN).hexdigest()
    assert first["blob"] == kept[0].upload.address


def test_a_file_is_shown_with_its_proof_and_who_fetched_it(
    kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    said = Said(capsys, "show", kept[0].record_id, "--json")
    assert said.status == 0
    assert [look["address"] for look in said.document["looks"]] == ["127.0.0.1", "192.0.2.7"]
    assert said.document["blob"]["state"] == "intact"
    assert said.document["record"]["proof"]["proved"]
    assert [
        look["address"] for look in Said(capsys, "show", kept[2].record_id, "--json").document["looks"]
    ] == ["127.0.0.2"]
    assert "192.0.2.7" in Said(capsys, "show", kept[0].record_id).out
    assert [act for act, _query, _count in looks(settings)] == ["show"] * 3


def test_what_reviewers_decided_is_shown_with_its_file(
    settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    acts = (("release", "rita", "our own macros"), ("later-act", "deadline", "nobody decided in time"))
    kept = keep_files(settings, [Sent(TIN, reviews=acts, looks=("192.0.2.7",)), Sent(LEAD)])
    document = Said(capsys, "show", kept[0].record_id, "--json").document
    assert [(each["act"], each["actor"], each["reason"]) for each in document["reviews"]] == list(acts)
    printed = Said(capsys, "show", kept[0].record_id).out
    assert "released by rita: our own macros" in printed
    # In the order in which it happened.
    assert printed.index("192.0.2.7") < printed.index("rita") < printed.index("later-act by deadline")
    assert Said(capsys, "show", kept[1].record_id, "--json").document["reviews"] == []


def test_a_damaged_blob_is_shown_as_such(
    kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    (settings.folder / "files" / kept[0].blob.head_name).unlink()
    said = Said(capsys, "show", kept[0].record_id)
    assert said.status == 1
    assert "missing" in said.out


def test_a_file_is_written_as_it_was_sent(
    kept: list[Kept], settings: SiteFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    said = Said(capsys, "export", kept[0].record_id, "--out", out, "--json")
    path = Path(said.document["path"])
    assert path == out / "報告 1.pdf"
    assert path.read_bytes() == TIN
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in out.iterdir()] == ["報告 1.pdf"]
    assert looks(settings) == [("files export", f"{kept[0].record_id} {sha256(TIN).hexdigest()}", 1)]
    again = Said(capsys, "export", kept[0].record_id, "--out", out)
    assert (again.status, again.out) == (2, "")
    assert "nothing is overwritten" in again.err


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("..", "file"),
        ("a\\..\\b.txt", "a_.._b.txt"),
        ("tur\u202efdp.exe", "turfdp.exe"),
        ("new\nline.pdf", "newline.pdf"),
        (".bashrc", "bashrc"),
        ("鍵" * 85 + ".pdf", "鍵" * 83 + ".pdf"),
        ("x" * 255, "x" * 255),
        ("a." + "y" * 253, "a." + "y" * 253),
    ],
)
def test_no_name_leads_elsewhere(
    name: str, written: str, settings: SiteFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (kept,) = keep_files(settings, [Sent(LEAD, name=name)])
    out = tmp_path / "a" / "b" / "out"
    out.mkdir(parents=True)
    before = {path for path in tmp_path.rglob("*") if path.is_file() and "site" not in path.parts}
    document = Said(capsys, "export", kept.record_id, "--out", out, "--json").document
    made = {path for path in tmp_path.rglob("*") if path.is_file() and "site" not in path.parts} - before
    assert made == {Path(document["path"])}
    (path,) = made
    assert (path.parent, path.name) == (out, written)
    assert path.read_bytes() == LEAD


def test_a_link_in_the_way_is_not_followed(
    kept: list[Kept], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "報告 1.pdf").symlink_to(tmp_path / "elsewhere")
    assert Said(capsys, "export", kept[0].record_id, "--out", out).status == 2
    assert not (tmp_path / "elsewhere").exists()


def test_a_damaged_file_is_not_written(
    kept: list[Kept], settings: SiteFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    for data in (settings.folder / "files" / "data").rglob("*"):
        if data.is_file() and data.stat().st_size > len(TIN):
            changed = bytearray(data.read_bytes())
            changed[150_000] ^= 1
            data.write_bytes(changed)
    said = Said(capsys, "export", kept[0].record_id, "--out", tmp_path / "out")
    assert said.status == 2
    assert "does not open" in said.err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("record", ["gate/1", "transfer/999", "transfer/3", "nonsense", "transfer/0"])
@pytest.mark.parametrize("command", ["show", "export"])
def test_what_is_no_file_is_refused(
    command: str, record: str, kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    said = Said(capsys, command, record)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("steelyard: ")


@pytest.mark.parametrize("command", ["list", "show", "export"])
def test_what_cannot_be_recorded_is_not_shown(
    command: str, kept: list[Kept], settings: SiteFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    given: tuple[object, ...] = () if command == "list" else (kept[0].record_id,)
    given += ("--out", out) if command == "export" else ()
    file_of(settings.audit_log.key_file).unlink()
    said = Said(capsys, command, *given)
    assert (said.status, said.out) == (2, "")
    assert "could not be recorded" in said.err
    assert list(out.iterdir()) == []


def test_a_site_without_files_says_so(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STEELYARD_SITE", str(site))
    remove_transfer(site)
    said = Said(capsys, "list")
    assert said.status == 2
    assert "keeps no files" in said.err
