"""What the system says of processes is read as it is, and a process that has ended is left out."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.site.doctor.system import (
    Running,
    age_of,
    find_children,
    installed_ago_s,
    is_synchronised,
    look_at,
    placed_at_s,
)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs a module until its input ends, with a name that has spaces and parentheses."""
    command = [
        sys.executable,
        "-c",
        "import sys; print(); sys.stdout.flush(); sys.stdin.read()",
        "-m",
        "a.module",
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.communicate()


def test_a_child_is_found_with_its_module_and_its_open_files(child: subprocess.Popen[bytes]) -> None:
    (found,) = [each for each in find_children(os.getpid()) if "a.module" in each.command]
    assert (found.pid, found.module) == (child.pid, "a.module")
    assert found.open_files >= 3
    assert found.open_files_max == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert 0.0 <= found.age_s <= age_of(os.getpid())


def test_a_child_that_has_ended_is_left_out(child: subprocess.Popen[bytes]) -> None:
    child.communicate()
    assert [each for each in find_children(os.getpid()) if "a.module" in each.command] == []
    with pytest.raises(OSError, match="No such"):
        look_at(child.pid)


def test_a_process_that_is_not_there_has_no_children() -> None:
    assert list(find_children(2**22 + 1)) == []


@pytest.mark.parametrize(
    ("command", "module"),
    [
        (("python3", "-m", "components.gate", "site.toml"), "components.gate"),
        (("/usr/bin/lua5.4", "/usr/bin/prosody", "-F"), "lua5.4"),
        (("python3", "-m"), "python3"),
        ((), ""),
    ],
)
def test_a_process_is_known_by_its_module_or_program(command: tuple[str, ...], module: str) -> None:
    assert Running(1, command, 0.0, 0, 0).module == module


def test_a_program_is_as_old_as_its_newest_file_in_its_place_whatever_time_that_bears(tmp_path: Path) -> None:
    file = tmp_path / "adapter" / "mod.lua"
    file.parent.mkdir()
    before_s = time.time()
    file.write_text("--")
    os.utime(file, (0, 0))  # as a package has it
    (tmp_path / "mod.pyc").write_text("made by whoever runs it first")
    (tmp_path / "gone.py").symlink_to("nowhere")
    assert 0.0 <= installed_ago_s(tmp_path) <= time.time() - before_s + 1.0
    assert installed_ago_s(tmp_path / "nothing") > 1e9


def test_another_owner_or_mode_puts_nothing_newer_in_its_place(tmp_path: Path) -> None:
    file = tmp_path / "mod.lua"
    file.write_text("--")
    placed_s, before = placed_at_s(file), file.stat()
    while file.stat().st_ctime_ns == before.st_ctime_ns:  # the kernel's clock goes in steps
        file.chmod(0o600)
        os.chown(file, os.getuid(), os.getgid())
    assert placed_at_s(file) == placed_s
    os.utime(file, (placed_s + 60, placed_s + 60))  # written to
    assert placed_at_s(file) == pytest.approx(placed_s + 60)
    assert placed_at_s(tmp_path / "gone") == 0.0


def test_the_kernel_says_whether_its_clock_is_synchronised_or_nothing() -> None:
    assert is_synchronised() in (True, False, None)
