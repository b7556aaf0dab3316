"""The folder of an export: removed, shared or in use, it never ends as an export that looks complete and is not."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.audit.export import export as export_module
from components.audit.export import write
from components.audit.export.collect import Collector
from components.audit.export.folder import ExportFolder
from components.audit.export.spool import Spool
from components.process.errors import SiteError
from tests.support.export_site import FORMAT_NAMES, Said, export_to, resume_to
from tests.support.rounds import mostly_slow

BeforeEach = Callable[[Any, str, Callable[[], object]], None]


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> BeforeEach:
    """Do something before the first call of a function."""

    def arm(owner: Any, name: str, do: Callable[[], object]) -> None:
        wrapped = getattr(owner, name)

        def call(*arguments: Any, **named: Any) -> Any:
            monkeypatch.setattr(owner, name, wrapped)
            do()
            return wrapped(*arguments, **named)

        monkeypatch.setattr(owner, name, call)

    return arm


STEPS = {
    "before anything is collected": (Collector, "_collect"),
    "while it is collected": (Spool, "add"),
    "before files are written": (export_module, "write_files"),
    "before files are settled": (ExportFolder, "settle"),
    "before files are noted": (Spool, "note_files"),
    "before it is proved": (export_module, "write_proofs"),
    "before it is counted": (export_module, "count_records"),
    "before the manifest": (export_module, "make_manifest"),
}


@pytest.mark.parametrize("step", mostly_slow(STEPS))
async def test_a_folder_that_is_removed_is_no_export(
    step: str, said: Said, tmp_path: Path, before: BeforeEach
) -> None:
    out = tmp_path / "out"
    before(*STEPS[step], lambda: shutil.rmtree(out))
    with pytest.raises(SiteError, match=r"removed while|cannot be written"):
        await export_to(said.site, out, "csv")
    assert not list(out.rglob("manifest*"))
    assert [each.act for each in await said.site.accesses()] == ["export"]


@pytest.mark.slow
@pytest.mark.parametrize("name", mostly_slow(FORMAT_NAMES))
async def test_a_file_that_is_removed_meanwhile_is_missed(
    name: str, said: Said, tmp_path: Path, before: BeforeEach
) -> None:
    out = tmp_path / "out"
    ours = {
        "matched.txt",
        "exceptions.jsonl",
        "records",
        ".spool.db",
        ".spool.db-wal",
        ".spool.db-shm",
        "files",
    }

    def remove() -> None:
        written = [path for path in out.rglob("*") if path.is_file()]
        next(path for path in written if path.relative_to(out).parts[0] not in ours).unlink()

    before(export_module, "count_records", remove)
    with pytest.raises(SiteError, match="was removed while the export was written"):
        await export_to(said.site, out, name)
    assert not (out / "manifest.json").exists()


@pytest.mark.slow
async def test_an_attached_file_that_is_removed_meanwhile_is_missed(
    said: Said, tmp_path: Path, before: BeforeEach
) -> None:
    out = tmp_path / "out"
    before(export_module, "count_records", lambda: shutil.rmtree(out / "files"))
    with pytest.raises(SiteError, match=r"files/.* was removed while the export was written"):
        await export_to(said.site, out, "jsonl")


async def test_two_exports_into_one_folder_are_one(said: Said, tmp_path: Path, before: BeforeEach) -> None:
    """The other one begins, and is complete, after this one has found the folder free."""
    out = tmp_path / "out"

    def complete() -> None:
        (out / "theirs.txt").write_text("theirs")

    before(ExportFolder, "locked", complete)
    with pytest.raises(SiteError, match="nothing is overwritten"):
        await export_to(said.site, out, "csv")
    assert [path.name for path in out.iterdir()] == ["theirs.txt"]


@pytest.mark.slow
async def test_an_export_that_others_write_now_is_theirs(said: Said, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with ExportFolder(out).locked(), pytest.raises(SiteError, match="another process writes this export now"):
        await export_to(said.site, out, "csv")
    assert list(out.iterdir()) == []
    await export_to(said.site, out, "csv")


@pytest.mark.slow
async def test_an_export_that_was_completed_meanwhile_stays_as_it_is(
    said: Said, tmp_path: Path, before: BeforeEach, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(ExportFolder, "finish", lambda _self: None)
    await export_to(said.site, out, "csv")
    monkeypatch.undo()
    before(ExportFolder, "locked", ExportFolder(out).finish)
    with pytest.raises(SiteError, match="this export is complete"):
        await resume_to(said.site, out)
    assert not (out / ".spool.db").exists()


async def test_the_folder_of_another_user_is_not_written_to(
    said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who owns it could take out what is written there, and put links in its place."""
    out = tmp_path / "out"
    out.mkdir()
    owner = out.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(SiteError, match="belongs to another user"):
        await export_to(said.site, out, "csv")
    with pytest.raises(SiteError, match="belongs to another user"), ExportFolder(out).locked():
        pass
    assert list(out.iterdir()) == []
    assert await said.site.accesses() == []


def test_a_link_in_the_place_of_a_draft_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    folder = ExportFolder(tmp_path / "out")
    folder.make()
    (folder.path / ".a.csv.part").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        folder.write("a.csv", [b"a"])
    assert victim.read_text() == "kept"


def test_all_that_was_written_is_there(tmp_path: Path) -> None:
    folder = ExportFolder(tmp_path)
    with Spool(folder.spool) as spool:
        folder.write("a.csv", [b"a"])
        spool.note_files(["a.csv"])
        write.require_whole(folder, spool)
        folder.remove("a.csv")
        with pytest.raises(SiteError, match="was removed"):
            write.require_whole(folder, spool)
