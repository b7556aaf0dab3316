"""What is compiled (docs/decisions/0152): which code the tests try, and that no old one runs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import components.gate.deciding
import policy.decide
from tests.support.sources import COMPILED, ROOT


def test_what_is_tried_is_what_was_asked_for() -> None:
    for module in (policy.decide, components.gate.deciding):
        assert str(module.__file__).endswith(".so" if COMPILED else ".py")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree of its own, of which everything that is listed was compiled."""
    (tmp_path / ".ci").mkdir()
    for name in ("pyproject.toml", ".ci/compile", ".ci/constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    for folder in ("components", "policy"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.so", "__pycache__")
        )
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/.compiled").write_text(_run(tmp_path, "--digest"))
    (tmp_path / "policy/decide.any.so").touch()
    return tmp_path


def _run(tree: Path, option: str) -> str:
    command: list[str | Path] = [sys.executable, tree / ".ci/compile", option]
    stdout: str = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return stdout


@pytest.mark.programs
def test_what_is_up_to_date_stays(tree: Path) -> None:
    _run(tree, "--is-stale")
    _run(tree, "--stale")
    assert (tree / "policy/decide.any.so").exists()


@pytest.mark.programs
@pytest.mark.parametrize("changed", ["policy/decide.py", "components/archive/seal.py", ".ci/constraints.txt"])
def test_what_is_older_than_its_sources_is_told_and_removed(tree: Path, changed: str) -> None:
    with (tree / changed).open("a") as file:
        file.write("\n")
    with pytest.raises(subprocess.CalledProcessError):
        _run(tree, "--is-stale")
    _run(tree, "--stale")
    assert not list(tree.rglob("*.so"))


@pytest.mark.programs
def test_what_is_not_listed_may_change(tree: Path) -> None:
    with (tree / "components/gate/service.py").open("a") as file:
        file.write("\n")
    _run(tree, "--is-stale")
