"""The wheel has all that the programs read beside their code, and nothing that is not kept with the sources."""

import subprocess
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[3]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# Only for who changes the adapter.
NOT_IN_IT = {"components/adapter/prosody/.luacheckrc"}

pytestmark = [pytest.mark.slow, pytest.mark.programs]


def kept(*folders: str) -> set[str]:
    """The files that are kept with the sources, or are about to be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    built = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")))
    return zipfile.ZipFile(next(built))


def test_it_has_every_file_of_the_packages_and_the_examples_and_no_other(wheel: zipfile.ZipFile) -> None:
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    examples = {
        f"components/site/share/examples/{name.removeprefix('config/examples/')}"
        for name in kept("config/examples")
    }
    assert len(examples) > 4
    # What was compiled here, if anything was, is for this machine alone.
    inside = {name for name in inside if not name.endswith(".so")}
    assert inside == (kept("components", "policy") | examples) - NOT_IN_IT


def test_every_kind_of_file_that_is_read_at_run_time_is_in_it(wheel: zipfile.ZipFile) -> None:
    """By kind, as a rule that leaves one out may look as if the sources had none of it."""
    kinds = {Path(name).suffix for name in wheel.namelist()}
    assert kinds >= {".py", ".lua", ".sql", ".html", ".css", ".js", ".svg", ".toml", ".json", ".ogg"}


def test_files_are_as_they_are_kept(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        if ".dist-info/" in name:
            continue
        source = ROOT / name.replace("components/site/share/examples/", "config/examples/")
        assert wheel.read(name) == source.read_bytes(), name


def test_what_it_says_of_itself(wheel: zipfile.ZipFile) -> None:
    about = {Path(name).name: wheel.read(name).decode() for name in wheel.namelist() if ".dist-info/" in name}
    assert about["entry_points.txt"].split() == [
        "[console_scripts]",
        "steelyard",
        "=",
        "components.cli.main:main",
    ]
    assert "Apache License" in about["LICENSE"]
    said = HeaderParser().parsestr(about["METADATA"])
    assert (said["Name"], said["Version"]) == ("steelyard", PYPROJECT["project"]["version"])
    required = {each for each in said.get_all("Requires-Dist", []) if "extra ==" not in each}
    assert required == {each.replace("_", "-") for each in PYPROJECT["project"]["dependencies"]}
