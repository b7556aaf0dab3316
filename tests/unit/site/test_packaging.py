"""What builds a package and an image names what the programs need; `config/packaging/try` installs one for real."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
PACKAGING = ROOT / "config/packaging"
BUILD = (PACKAGING / "build").read_text()
CONTAINERFILE = (PACKAGING / "Containerfile").read_text()
SETUP = (ROOT / ".ci/setup").read_text()
# Instructions of the format (containers/common, Containerfile.5).
INSTRUCTIONS = {
    "ARG", "FROM", "RUN", "COPY", "VOLUME", "ENV", "USER", "WORKDIR", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD",
}  # fmt: skip


def field(name: str) -> set[str]:
    """The packages in a field of the package's control file, each with its other names."""
    text = re.search(rf"^{name}: (.*(?:\n .*)*)", BUILD, re.MULTILINE)
    assert text is not None
    return {part.split("(")[0].strip() for part in re.split(r"[,|]", text[1].replace("\n", " "))}


def instructions() -> list[tuple[str, str]]:
    lines = "\n".join(line for line in CONTAINERFILE.splitlines() if not line.startswith("#"))
    whole = lines.replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in whole if line.strip())]


def test_the_package_depends_on_all_that_a_clone_installs_to_run() -> None:
    start, end = SETUP.index('if [ "${1:-}" != quick ]; then'), SETUP.index('if [ "${1:-}" = tests ]; then')
    to_run = SETUP[start:end]
    installed = set(" ".join(re.findall(r"missing\+=\(([a-z0-9 .-]+)\)", to_run)).split())
    assert installed >= {"prosody", "lua-dbi-sqlite3", "prosody-modules", "fonts-noto-cjk"}
    installed |= set(re.findall(r"missing\+=\((lib[a-z0-9]+)\)", SETUP))
    asked = field("Depends") | field("Recommends")
    assert installed >= {"libmagic1", "libarchive13"}
    assert installed - asked == set()


def requirements(*extras: str) -> dict[str, list[str]]:
    """What `.ci/requirements` prints: the hashes of each package's files."""
    command = [sys.executable, str(ROOT / ".ci/requirements"), *extras]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    pins = printed.replace(" \\\n", "").splitlines()
    return {pin.partition("==")[0]: re.findall(r"--hash=sha256:([0-9a-f]{64})", pin) for pin in pins}


@pytest.mark.programs
def test_what_a_wheel_is_installed_with_has_hashes_and_is_all_that_it_needs() -> None:
    """pip takes a file with hashes for no constraints: it is told each file, and installs no other."""
    alone, with_stores = requirements(), requirements("postgres", "s3")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {canonicalize_name(Requirement(each).name) for each in project["dependencies"]}
    assert needed < set(alone) < set(with_stores)
    assert {"asyncpg", "psycopg", "obstore"} <= set(with_stores) - set(alone)
    assert [name for name, hashes in with_stores.items() if not hashes] == []
    # What they need in turn, and nothing that only the work on Steelyard needs.
    assert {"multidict", "pydantic-core"} <= set(alone)
    assert not {"pytest", "mypy", "ruff", "hypothesis"} & set(with_stores)
    installs = [line for line in BUILD.splitlines() if "pip install" in line]
    assert len(installs) == 1
    assert "--no-deps" in installs[0]
    assert '"--require-hashes -r $folder/requirements.txt"' in BUILD
    document = (ROOT / "docs/install.md").read_text()
    assert "pip install --no-deps --require-hashes -r dist/requirements.txt" in document


def test_the_package_has_the_extras_that_the_document_names() -> None:
    extras = re.search(r"\.ci/requirements ([a-z0-9 ]+) >", BUILD)
    assert extras is not None
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    inside = set(extras[1].split())
    assert inside < set(known)
    left_out = (
        (ROOT / "docs/install.md").read_text().split("What the package leaves out:")[1].split("\n\n")[0]
    )
    for extra, word in (("ldap", "LDAP"), ("topic", "topic models"), ("speech", "speech")):
        assert (extra in inside) != (word in left_out)


@pytest.mark.parametrize("name", ["boot", "build", "try"])
def test_a_script_can_be_run_and_bash_reads_it(name: str) -> None:
    script = PACKAGING / name
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[0] == "#!/usr/bin/env bash"
    assert "\nset -euo pipefail\n" in script.read_text()
    subprocess.run(["bash", "-n", script], check=True, timeout=60)


def test_a_package_of_another_kind_is_refused() -> None:
    done = subprocess.run(
        [PACKAGING / "build", "rpm"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "build: wheel or deb, not rpm\n")


def test_the_containerfile_is_well_formed() -> None:
    words = [word for word, _ in instructions()]
    assert set(words) <= INSTRUCTIONS
    assert words[:2] == ["ARG", "FROM"]
    stages = [rest for word, rest in instructions() if word == "FROM"]
    assert [rest.split(" AS ")[0] for rest in stages] == ["docker.io/library/debian:${DEBIAN}-slim"] * 2
    for _, rest in instructions():
        if "from=" in rest:
            assert re.findall(r"from=([a-z]+)", rest) == [stages[0].split(" AS ")[1]]
    # What runs is no shell, which would keep SIGTERM for itself, and no root.
    (entry,) = (rest for word, rest in instructions() if word == "ENTRYPOINT")
    assert entry == '["/usr/bin/steelyard"]'
    assert [rest for word, rest in instructions() if word == "USER"] == ["steelyard"]
    assert 'usr/bin/steelyard" <<EOF' in BUILD


def test_the_image_has_what_its_build_needs_and_nothing_from_elsewhere() -> None:
    for _, rest in instructions():
        assert not re.search(r"\b(?:curl|wget|pip3?|npm|git clone)\b", rest)
    copied = [rest.split() for word, rest in instructions() if word == "COPY"]
    assert copied == [[".", "/src"]]
    assert "/src/config/packaging/build deb /dist" in CONTAINERFILE
    # What is large, or of this machine alone, stays out of what the engine is handed.
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".venv", "var", "dist"} <= set(ignored)
