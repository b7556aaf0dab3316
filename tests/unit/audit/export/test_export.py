"""An export as a whole: it is recorded, goes on after a stop, holds what it should, and a stranger can check it."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from components.audit.access import Purpose, set_purpose
from components.audit.export import collect, folder, spool
from components.audit.export import export as export_module
from components.process.errors import SiteError
from components.verifier.evidence import open_record
from components.verifier.export import ExportReport, verify_export
from tests.support.export_site import FORMAT_NAMES, HOSTILE, Said, export_to, make_scene, resume_to
from tests.support.retention_site import Shell, add_retention
from tests.support.typed import file_of
from tests.unit.audit.export.test_hostile import READERS

pytestmark = pytest.mark.slow


def keys_of(said: Said) -> list[str]:
    logs = (said.site.settings.gate_log, said.site.settings.audit_log)
    return [log.verifier_key_file.read_text() for log in logs]


def verify(said: Said, folder: Path) -> ExportReport:
    return verify_export(folder, keys_of(said))


def files_of(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("name", FORMAT_NAMES)
async def test_a_stranger_verifies_every_format(name: str, said: Said, tmp_path: Path) -> None:
    result = await export_to(said.site, tmp_path / "out", name)
    report = verify(said, tmp_path / "out")
    assert report.problems == ()
    assert report.matched == report.proved == report.opened == said.first_hostile + len(HOSTILE)
    assert report.exported + sum(report.left_out.values()) == report.matched
    assert (report.exported, report.completed is not None) == (result.counts.exported, True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")) == []


def test_the_verifier_needs_nothing_but_the_folder_and_the_keys(site_folder: Path, tmp_path: Path) -> None:
    said = asyncio.run(make_scene(site_folder))
    asyncio.run(export_to(said.site, tmp_path / "out", "csv", "copper"))
    elsewhere = tmp_path / "elsewhere"
    shutil.move(tmp_path / "out", elsewhere)
    for number, key in enumerate(keys_of(said)):
        (tmp_path / f"{number}.pub").write_text(key)
    shutil.rmtree(said.site.path.parent)
    command = [sys.executable, "-I", "verify.py", "export", ".", "--key", "../0.pub", "--key", "../1.pub"]
    done = subprocess.run(
        [*command, "--opened", "../opened"], cwd=elsewhere, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 records matched = 3 exported + 0 left out" in done.stdout
    assert "All of it verified." in done.stdout
    assert "Selling copper at 9,412" in (tmp_path / "opened").read_text()


async def test_the_look_is_recorded_before_and_after(said: Said, tmp_path: Path) -> None:
    result = await export_to(
        said.site, tmp_path / "out", "csv", "from:alice", matter="m-1", reason="subpoena"
    )
    begun, ended = await said.site.accesses()
    matched = (tmp_path / "out/matched.txt").read_bytes()
    assert (begun.act, begun.query, begun.result_count) == ("export", 'from:"alice"', matched.count(b"\n"))
    assert begun.result_digest == sha256(matched).hexdigest() == ended.result_digest
    assert (begun.matter, begun.reason, ended.matter, ended.reason) == ("m-1", "subpoena", "m-1", "")
    manifest = (tmp_path / "out/manifest.json").read_bytes()
    assert (ended.act, ended.query) == (
        "export complete",
        f"{result.access_id} csv {sha256(manifest).hexdigest()}",
    )
    assert b"subpoena" not in b"".join(files_of(tmp_path / "out").values())
    assert b"subpoena" not in b"".join(opened_records(tmp_path / "out"))


async def test_the_reason_of_a_task_is_not_handed_over(said: Said, tmp_path: Path) -> None:
    set_purpose(Purpose("m-2", "subpoena"))
    await export_to(said.site, tmp_path / "out", "csv", "from:alice")
    begun, ended = await said.site.accesses()
    assert [(each.matter, each.reason) for each in (begun, ended)] == [("m-2", "subpoena"), ("m-2", "")]
    report = json.loads((tmp_path / "out/manifest.json").read_bytes())
    assert report["matter"] == "m-2"
    opened = b"".join(opened_records(tmp_path / "out"))
    assert b"m-2" in opened and b"subpoena" not in opened


def opened_records(folder: Path) -> Iterator[bytes]:
    """What everybody who has the export can open."""
    for name in ("manifest.record.json", "records/gate.jsonl"):
        for line in (folder / name).read_bytes().splitlines():
            yield open_record(line)[1] or b""


async def test_a_search_that_is_cut_short_is_no_export(
    said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.audit.asked.MAX_EXAMINED", 3)
    with pytest.raises(SiteError, match="narrow the query by dates"):
        await export_to(said.site, tmp_path / "out", "csv", "/[a-z]/")
    assert not (tmp_path / "out").exists()


async def test_what_cannot_be_recorded_is_not_written(said: Said, tmp_path: Path) -> None:
    file_of(said.site.settings.audit_log.key_file).unlink()
    with pytest.raises(SiteError, match="could not be recorded"):
        await export_to(said.site, tmp_path / "out", "csv")
    assert not (tmp_path / "out").exists()


async def test_nothing_is_overwritten_and_a_limit_holds(said: Said, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").touch()
    with pytest.raises(SiteError, match="nothing is overwritten"):
        await export_to(said.site, tmp_path / "out", "csv")
    with pytest.raises(SiteError, match="--limit allows 3"):
        await export_to(said.site, tmp_path / "new", "csv", limit=3)
    with pytest.raises(SiteError, match="no format"):
        await export_to(said.site, tmp_path / "new", "docx")
    with pytest.raises(SiteError, match="no time zone"):
        await export_to(said.site, tmp_path / "new", "csv", zone="Mars/North")
    with pytest.raises(SiteError, match="no export to go on with"):
        await resume_to(said.site, tmp_path / "out")
    assert not (tmp_path / "new").exists()


class Stopped(Exception):  # noqa: N818 - the condition is the name
    """The export ends here, as if it were killed."""


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any, str, int], None]]:
    """Let the n-th call of a function stop the export, once."""

    def arm(owner: Any, name: str, at: int) -> None:
        wrapped, calls = getattr(owner, name), 0

        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == at:
                monkeypatch.setattr(owner, name, wrapped)
                raise Stopped
            return wrapped(*arguments, **named)

        monkeypatch.setattr(owner, name, call)

    yield arm


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMAT_NAMES)
async def test_a_stopped_export_goes_on_to_the_same_bytes(
    name: str,
    said: Said,
    tmp_path: Path,
    stop: Callable[[Any, str, int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collect, "_PLACES_AT_ONCE", 5)
    stop(collect.Collector, "_collect", 1)
    with pytest.raises(Stopped):
        await export_to(said.site, tmp_path / "out", name)
    shutil.copytree(tmp_path / "out", tmp_path / "other")
    await resume_to(said.site, tmp_path / "out")
    for owner, method, at in (
        (collect.Collector, "_collect", 3),
        (spool.Spool, "add", 2),
        (folder.ExportFolder, "write", 1),
        (spool.Spool, "note_files", 1),
        (export_module, "record_completion", 1),
        (folder.ExportFolder, "finish", 1),
    ):
        stop(owner, method, at)
        with pytest.raises(Stopped):
            await resume_to(said.site, tmp_path / "other")
        with pytest.raises(SiteError, match="go on with --resume"):
            await export_to(said.site, tmp_path / "other", name)
    await resume_to(said.site, tmp_path / "other")
    one, other = files_of(tmp_path / "out"), files_of(tmp_path / "other")
    # The records of completion are two: all else is the same.
    for path in ("manifest.record.json", "manifest.tlog-proof"):
        assert one.pop(path) != other.pop(path)
    assert one == other
    assert verify(said, tmp_path / "other").problems == ()
    with pytest.raises(SiteError, match="this export is complete"):
        await resume_to(said.site, tmp_path / "other")


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_what_is_destroyed_during_an_export_is_not_in_it(
    name: str,
    site_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    stop: Callable[[Any, str, int], None],
) -> None:
    async def begin() -> Said:
        said = await make_scene(site_folder)
        said = Said(add_retention(said.site))
        # All is collected, and all files of the format are written.
        stop(export_module, "write_proofs", 1)
        with pytest.raises(Stopped):
            await export_to(said.site, tmp_path / "out", name)
        return said

    said = asyncio.run(begin())
    monkeypatch.setenv("STEELYARD_SITE", str(said.site.path))
    shell, id_of = Shell(said.site, capsys), said.site.id_of
    for number in (said.retracted, said.picture):
        answer = shell.order("erase", id_of(number), "--reason", "not business")
        assert answer["state"] == "carried out"
    result = asyncio.run(resume_to(said.site, tmp_path / "out"))
    assert result.counts.left_out["destroyed"] == 2
    report = verify(said, tmp_path / "out")
    assert report.problems == ()
    assert (report.proved, report.opened) == (report.matched, report.matched - 2)
    everything = b"".join(files_of(tmp_path / "out").values())
    told = READERS[name](tmp_path / "out")
    assert (
        told.keys().isdisjoint((id_of(said.retracted), id_of(said.picture))) and id_of(said.original) in told
    )
    assert b"Delete this" not in everything
    assert not list((tmp_path / "out").glob("files/*"))
    left_out = (tmp_path / "out/exceptions.jsonl").read_text().splitlines()
    destroyed = [each["id"] for each in map(json.loads, left_out) if each["why"] == "destroyed"]
    assert destroyed == [id_of(said.retracted), id_of(said.picture)]


async def test_without_the_right_keys_nothing_counts_as_proved(said: Said, tmp_path: Path) -> None:
    await export_to(said.site, tmp_path / "out", "jsonl")
    gate, audit = keys_of(said)
    assert [each.kind for each in verify_export(tmp_path / "out", [audit]).problems] == ["not-proved"]
    only_gate = verify_export(tmp_path / "out", [gate])
    assert only_gate.ok and only_gate.completed is None
    assert "no key of metals.example/audit was given" in only_gate.unchecked[0]
