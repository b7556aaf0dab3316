"""The verifier as one file: it says what the package says, and needs nothing of ours."""

import ast
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from zipfile import ZipFile

import pytest

from components.verifier import build, verify
from components.verifier.build import build_verifier
from components.verifier.log import verify_log
from components.verifier.report import Report
from components.verifier.tiles import verify_tiles
from tests.support.archive import VKEY, tamper
from tests.support.archive_orders import APPROVERS
from tests.support.tile_folder import write_tiles
from tests.support.verified import CORRUPTIONS

CASES = [pytest.param(case["sql"], id=case["name"]) for case in CORRUPTIONS["corruptions"]]
ORDERED_CASES = [pytest.param(case["sql"], id=case["name"]) for case in CORRUPTIONS["ordered"]]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file in a folder that is empty but for it."""
    path = tmp_path_factory.mktemp("elsewhere") / "verify.py"
    path.write_bytes(build_verifier())
    return path


def run(built: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [sys.executable, "-I", "-W", "error", "verify.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=built.parent)


def assert_it_says(report: Report, built: Path, tmp_path: Path, *arguments: str | Path) -> None:
    """The file prints just this report, and its status says whether all is right."""
    key = tmp_path / "log-gate.pub"
    key.write_text(f"{VKEY}\n")
    done = run(built, *arguments, "--key", key, "--json")
    assert (done.returncode, done.stderr) == (0 if report.ok else 1, "")
    assert json.loads(done.stdout) == json.loads(json.dumps({"ok": report.ok, **asdict(report)}))


def test_an_untouched_log(log: Path, built: Path, tmp_path: Path) -> None:
    report = verify_log(log, VKEY)
    assert (report.ok, report.size) == (True, 600)
    assert_it_says(report, built, tmp_path, log)


@pytest.mark.slow
@pytest.mark.parametrize("sql", CASES)
def test_a_corrupted_log(sql: Sequence[str], log: Path, built: Path, tmp_path: Path) -> None:
    tamper(log, *sql)
    report = verify_log(log, VKEY)
    assert not report.ok
    assert_it_says(report, built, tmp_path, log)


@pytest.mark.slow
@pytest.mark.parametrize("sql", ORDERED_CASES)
def test_a_corrupted_log_with_orders(
    sql: Sequence[str], ordered_log: Path, built: Path, tmp_path: Path
) -> None:
    tamper(ordered_log, *sql)
    report = verify_log(ordered_log, VKEY, approver_vkeys=APPROVERS)
    approvers = [each for vkey in APPROVERS for each in ("--approver", vkey)]
    assert_it_says(report, built, tmp_path, ordered_log, *approvers)


@pytest.mark.slow
def test_tiles(log: Path, built: Path, tmp_path: Path) -> None:
    tiles = write_tiles(log, tmp_path / "tiles")
    report = verify_tiles(tiles, VKEY)
    assert (report.ok, report.size) == (True, 600)
    assert_it_says(report, built, tmp_path, "--from-dir", tiles)
    tile = tiles / "tile/0/000"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    report = verify_tiles(tiles, VKEY)
    assert not report.ok
    assert_it_says(report, built, tmp_path, "--from-dir", tiles)


def test_it_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    modules = set()
    for node in ast.walk(ast.parse(build_verifier())):
        if isinstance(node, ast.Import):
            modules |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module
            assert node.level == 0
            modules.add(node.module.split(".")[0])
    assert modules - set(sys.stdlib_module_names) == {"cryptography"}


@pytest.mark.slow
def test_building_again_gives_the_same_bytes() -> None:
    module = [sys.executable, "-W", "error", "-m", "components.verifier.build"]
    again = subprocess.run(module, capture_output=True, check=True, env={"PYTHONHASHSEED": "1"})
    assert build_verifier() == build_verifier() == again.stdout


@pytest.mark.slow
def test_building_from_a_wheel_gives_the_same_bytes(tmp_path: Path) -> None:
    wheel = tmp_path / "steelyard.whl"
    components = Path(verify.__file__).parents[1]
    with ZipFile(wheel, "w") as archive:
        for path in (components / "__init__.py", *(components / "verifier").glob("*.py")):
            archive.write(path, path.relative_to(components.parent))
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        "from components.verifier.build import build_verifier; sys.stdout.buffer.write(build_verifier())"
    )
    # Neither this folder nor what is installed is seen.
    command: list[str | Path] = [sys.executable, "-I", "-S", "-c", script, wheel]
    assert subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout == build_verifier()


def test_it_begins_with_its_licence_and_says_what_it_is() -> None:
    source = build_verifier().decode()
    assert source.startswith("# SPDX-License-Identifier: Apache-2.0\n")
    assert ast.get_docstring(ast.parse(source)) == ast.get_docstring(ast.parse(read_module("verify")))


def test_every_module_is_in_it_with_its_docstrings_and_comments() -> None:
    source = build_verifier().decode()
    names = {path.stem for path in Path(verify.__file__).parent.glob("*.py")} - {"__init__", "build"}
    assert len(names) > 10
    for name in names:
        module = read_module(name)
        last_import = [each for each in ast.parse(module).body if isinstance(each, ast.ImportFrom)][-1]
        assert "\n".join(module.splitlines()[last_import.end_lineno :]).strip() in source


def read_module(name: str) -> str:
    return Path(verify.__file__).with_name(f"{name}.py").read_text("utf-8")


IMPOSSIBLE = [
    ('"""."""\nimport json as j\n', "under another name"),
    ('"""."""\nimport json\nX = 1\nimport time\n', "elsewhere than at its top"),
    ('"""."""\ndef f() -> None:\n    import time\n', "elsewhere than at its top"),
    ('"""."""\nX = 1\nX = 2\n', "two things: X"),
    ('"""."""\nimport json\njson: int = 1\n', "two things: json"),
    ('"""."""\nfrom json import loads\ndef loads() -> None: ...\n', "two things: loads"),
    ('"""."""\nfrom json import loads\nfrom orjson import loads\n', "two things: loads"),
]


@pytest.mark.parametrize(("source", "reason"), IMPOSSIBLE)
def test_modules_that_would_mean_something_else_in_one_file(
    source: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "verify.py").write_text(source)
    monkeypatch.setattr(build, "files", lambda _package: tmp_path)
    with pytest.raises(ValueError, match=reason):
        build_verifier()
