"""A disk that fails below SQLite: system calls that give an error, and a file system that is really full."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
APPENDS = 60
SURVIVOR = [sys.executable, "-m", "tests.support.archive_survivor"]


def run(command: list[str]) -> list[Any]:
    """Run a command; gives its output, a JSON value a line."""
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize(
    ("call", "when"),
    [
        ("fdatasync", "20"),  # once
        ("fdatasync", "9+7"),  # from the 9th on every 7th, so also that of a recovery
        ("fdatasync", "30..45"),  # fifteen in a row
        ("pwrite64", "50"),
        ("pwrite64", "41+97"),
        ("pwrite64", "60..120"),
    ],
)
def test_what_the_kernel_refuses_is_survived(call: str, when: str, error: str, tmp_path: Path) -> None:
    inject = f"inject={call}:error={error}:when={when}"
    log = tmp_path / "gate.db"
    strace = ["strace", "-f", "-qq", "-o", str(tmp_path / "calls"), "-e", f"trace={call}", "-e", inject]
    (failures,) = run([*strace, *SURVIVOR, str(log), str(APPENDS)])
    assert failures, "nothing failed, so nothing was tested"
    assert "(INJECTED)" in (tmp_path / "calls").read_text()
    (found,) = run([*SURVIVOR, str(log)])
    assert (found["problems"], found["exact"]) == ([], [True, True])
    assert found["size"] >= APPENDS


def test_a_file_system_that_is_full_and_has_room_again(tmp_path: Path) -> None:
    """In a mount namespace of its own, which ends with it."""
    survivor = f"{' '.join(SURVIVOR)} '{tmp_path}/gate.db'"
    script = (
        f"mount -t tmpfs -o size=4m none '{tmp_path}'"
        f" && head -c 3000000 /dev/zero >'{tmp_path}/ballast'"
        f" && {survivor} {APPENDS} '{tmp_path}/ballast' && {survivor}"
    )
    failures, found = run(["unshare", "--map-root-user", "--mount", "sh", "-c", script])
    assert any("the disk is full" in failure for failure in failures)
    assert (found["problems"], found["exact"]) == ([], [True, True])
    assert not any(tmp_path.iterdir())  # the log was in that namespace only
