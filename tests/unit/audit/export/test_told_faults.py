"""What the verifier tells people of an export of which a byte was changed, or a file taken away or added."""

import shutil
from pathlib import Path

import pytest

from components.verifier.export import render_export, verify_export
from components.verifier.report import UsageError
from tests.support.export_site import Said, export_to

pytestmark = pytest.mark.slow


def tell(folder: Path, keys: list[str]) -> str:
    """Return what the verifier prints, also where it can only say that there is no export."""
    try:
        return render_export(verify_export(folder, keys))
    except UsageError as error:
        return f"NOT an export: {error}"


def keys_of(said: Said) -> list[str]:
    logs = (said.site.settings.gate_log, said.site.settings.audit_log)
    return [log.verifier_key_file.read_text() for log in logs]


def change(path: Path) -> None:
    data = bytearray(path.read_bytes() or b"a")
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


async def test_each_file_that_is_changed_or_missing_is_named_in_words(said: Said, tmp_path: Path) -> None:
    await export_to(said.site, tmp_path / "out", "jsonl")
    keys = keys_of(said)
    assert tell(tmp_path / "out", keys).endswith("\nAll of it verified.")
    names = sorted(
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()
    )
    assert {"manifest.json", "matched.txt", "exceptions.jsonl", "records/gate.proof"} < set(names)
    for number, name in enumerate(names):
        for alter in (change, Path.unlink):
            folder = tmp_path / f"{number}-{alter.__name__}"
            shutil.copytree(tmp_path / "out", folder)
            alter(folder / name)
            told = tell(folder, keys)
            assert "NOT" in told.splitlines()[-1], name
            named = "manifest" if name.startswith("manifest.") else Path(name).name
            assert named in told, f"{name}: {told}"
            assert "Errno" not in told and "b'" not in told and "Traceback" not in told, told


async def test_a_file_that_was_added_is_named(said: Said, tmp_path: Path) -> None:
    await export_to(said.site, tmp_path / "out", "csv")
    keys = keys_of(said)
    (tmp_path / "out/more.csv").write_text("1")
    told = tell(tmp_path / "out", keys).splitlines()
    assert told[-2:] == [
        "file-added: more.csv: is not in the manifest",
        "NOT verified: 1 problem, named above.",
    ]
