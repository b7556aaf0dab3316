"""What is installed: all of it is written down with hashes, and told as a bill of materials (docs/security.md, 9)."""

import importlib.machinery
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / ".ci" / "constraints.txt").read_text()
SETUP = (ROOT / ".ci" / "setup").read_text()
MORE = "# Only with the extras"
ENTRY = re.compile(r"(\S+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")
VERSIONS = {canonicalize_name(name): version for name, version, _ in ENTRY.findall(LOCK)}


def project_requirements() -> Iterator[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    yield from map(Requirement, project["build-system"]["requires"])
    yield from map(Requirement, project["project"]["dependencies"])
    for extra in project["project"]["optional-dependencies"].values():
        yield from map(Requirement, extra)


def installed_closure() -> set[str]:
    """Return all that steelyard needs here with what the tests need, by what the packages themselves say."""
    waiting: list[tuple[str, str]] = [("steelyard", extra) for extra in ("", "dev", "ldap", "speech")]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        for each in map(Requirement, requires(name) or ()):
            if each.marker is None or each.marker.evaluate({"extra": extra}):
                more = {(canonicalize_name(each.name), one) for one in ("", *each.extras)} - seen
                seen |= more
                waiting += more
    return {name for name, _ in seen} - {"steelyard"}


def test_every_line_is_one_version_with_its_hashes() -> None:
    left = ENTRY.sub("", LOCK)
    assert [line for line in left.splitlines() if line and not line.startswith("#")] == []
    assert len(VERSIONS) == len(ENTRY.findall(LOCK)) > 100


def test_what_the_project_asks_for_is_what_is_written_down() -> None:
    wanted = {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in project_requirements()
        if each.specifier
    }
    assert {name: VERSIONS.get(name) for name in wanted} == wanted


@pytest.mark.programs
def test_all_that_these_need_is_written_down_too() -> None:
    assert installed_closure() - VERSIONS.keys() == set()


@pytest.fixture(scope="module")
def lock() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("lock", str(ROOT / ".ci" / "lock"))
    spec = importlib.util.spec_from_loader("lock", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def package(*files: str) -> dict[str, Any]:
    hashed = [{"url": f"https://files.example/{each}", "hashes": {"sha256": each}} for each in files]
    return {"sdist": {"url": "x.tar.gz", "hashes": {"sha256": "source"}}, "wheels": hashed}


@pytest.mark.parametrize(
    "name",
    [
        "p-1-py3-none-any.whl",
        "p-1-py2.py3-none-any.whl",
        "p-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "p-1-cp313-cp313-manylinux_2_28_aarch64.whl",
        "p-1-cp39-abi3-manylinux_2_34_x86_64.whl",
        "p-1-py3-none-manylinux2014_x86_64.whl",
    ],
)
def test_wheels_that_run_here_are_written_down_in_place_of_the_source(lock: ModuleType, name: str) -> None:
    assert lock.list_hashes(package(name, "p-1-cp311-cp311-win_amd64.whl")) == [name]


@pytest.mark.parametrize(
    "name",
    [
        "p-1-cp311-cp311-win_amd64.whl",
        "p-1-cp311-cp311-macosx_11_0_arm64.whl",
        "p-1-cp311-cp311-musllinux_1_2_x86_64.whl",
        "p-1-cp310-cp310-manylinux_2_28_x86_64.whl",
        "p-1-cp313-cp313t-manylinux_2_28_x86_64.whl",
        "p-1-cp311-cp311-manylinux_2_28_ppc64le.whl",
        "p-1-pp311-pypy311_pp73-manylinux_2_28_x86_64.whl",
    ],
)
def test_where_no_wheel_runs_here_it_is_the_source(lock: ModuleType, name: str) -> None:
    assert lock.list_hashes(package(name)) == ["source"]


def test_packages_for_other_systems_are_left_out(lock: ModuleType) -> None:
    assert lock.is_for_linux("")
    assert lock.is_for_linux("sys_platform != 'emscripten'")
    assert not lock.is_for_linux("sys_platform == 'win32'")
    assert not lock.is_for_linux("python_full_version >= '3.12' and sys_platform == 'emscripten'")


def test_names_are_compared_as_the_index_does(lock: ModuleType) -> None:
    assert lock.name_of("Jinja2==3.1") == "jinja2"
    assert lock.name_of("typing_extensions>=4") == "typing-extensions"
    assert lock.name_of("moto[s3]==5") == "moto"


def test_pip_installs_nothing_else() -> None:
    """Without hashes only this project itself is installed: it is no file that has one."""
    calls = re.findall(r"^.*\bpip(?:_install| install)\b.*$", SETUP, re.MULTILINE)
    (definition,) = [line for line in calls if "pip install" in line]
    assert "--no-deps --no-build-isolation" in definition
    uses = [line.strip() for line in calls if re.search(r"pip_install [^(]", line)]
    assert len(uses) == 3
    for use in uses:
        assert "--require-hashes -r" in use or use == "pip_install -e ."
    assert f"more='^{MORE}'" in SETUP
    assert LOCK.count(f"\n{MORE}") == 1


def bill() -> dict[str, Any]:
    command = [sys.executable, str(ROOT / ".ci" / "sbom")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(printed)
    return found


@pytest.fixture(scope="module")
def made_bill() -> dict[str, Any]:
    return bill()


@pytest.mark.programs
def test_the_bill_of_materials_is_as_cyclonedx_has_it() -> None:
    made_bill = bill()
    validator = JsonStrictValidator(SchemaVersion.V1_5)
    assert validator.validate_str(json.dumps(made_bill)) is None
    del made_bill["components"][0]["name"]
    assert validator.validate_str(json.dumps(made_bill)) is not None


@pytest.mark.programs
def test_the_bill_names_all_that_is_installed_with_every_hash(made_bill: dict[str, Any]) -> None:
    python = [each for each in made_bill["components"] if each["purl"].startswith("pkg:pypi/")]
    assert {canonicalize_name(each["name"]): each["version"] for each in python} == VERSIONS
    hashes = {
        one["content"] for each in python for file in each["externalReferences"] for one in file["hashes"]
    }
    assert hashes == set(re.findall(r"sha256:(\w+)", LOCK))
    assert bill() == made_bill


@pytest.mark.programs
def test_the_bill_tells_what_a_site_runs_with_from_what_it_is_made_with(made_bill: dict[str, Any]) -> None:
    scopes = {each["name"]: each["scope"] for each in made_bill["components"]}
    assert {scopes[name] for name in ("slixmpp", "cryptography", "cffi", "prosody", "htmx")} == {"required"}
    assert {scopes[name] for name in ("obstore", "asyncpg", "faster-whisper")} == {"optional"}
    assert {scopes[name] for name in ("pytest", "mypy", "moto")} == {"excluded"}


@pytest.mark.programs
def test_the_debian_packages_of_a_site_are_those_that_are_installed(made_bill: dict[str, Any]) -> None:
    debian = [each for each in made_bill["components"] if each["purl"].startswith("pkg:deb/")]
    fields = ["-f", "${Package} ${Version}\n"]
    known = subprocess.run(["dpkg-query", "-W", *fields], check=True, capture_output=True, text=True).stdout
    assert {f"{each['name']} {each['version']}" for each in debian} <= set(known.splitlines())
    names = {each["name"] for each in debian}
    assert {"prosody", "lua-sec", "python3", "libssl3", "libmagic1", "libarchive13"} <= {
        name.removesuffix("t64") for name in names
    }
