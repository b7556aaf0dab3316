"""One `up` at a time, and none while a process of an earlier one lives."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.site.lock import find_holder, hold_site, is_held, share_site

HOLD = """
import sys
from pathlib import Path
from components.site.lock import hold_site
with hold_site(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

SHARE = HOLD.replace("with hold_site(Path(sys.argv[1])):", "share_site(Path(sys.argv[1]))\nif True:").replace(
    "import hold_site", "import share_site"
)

HOLD_WITH_CHILD = """
import subprocess, sys
from pathlib import Path
from components.site.lock import hold_site
with hold_site(Path(sys.argv[1])) as lock:
    goes_on = f"[ -d {sys.argv[1]} ] && [ ! -e {sys.argv[1]}/end ]"
    script = f"while {goes_on}; do sleep 0.02; done; touch {sys.argv[1]}/ended"
    child = subprocess.Popen(["sh", "-c", script], pass_fds=(lock,), stdout=subprocess.DEVNULL)
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(folder: Path, script: str = HOLD) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def test_a_second_holder_is_refused_and_told_who_holds(tmp_path: Path) -> None:
    holder = hold(tmp_path)
    try:
        with (
            pytest.raises(SiteError, match=rf"is up already \(process {holder.pid}\); stop that one first"),
            hold_site(tmp_path),
        ):
            pass
    finally:
        end(holder)


def test_the_site_is_free_when_its_holder_was_killed(tmp_path: Path) -> None:
    end(hold(tmp_path))
    with hold_site(tmp_path):
        assert (tmp_path / "up.lock").read_text() == f"{os.getpid()}\n"
    with hold_site(tmp_path):
        pass


def test_what_a_killed_holder_left_running_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(hold(tmp_path, HOLD_WITH_CHILD))
    sleep = time.sleep

    def wait(time_s: float) -> None:
        (tmp_path / "end").touch()  # only who waits lets it end
        sleep(time_s)

    monkeypatch.setattr("components.site.lock.time.sleep", wait)
    with hold_site(tmp_path):
        assert (tmp_path / "ended").exists()


@pytest.mark.slow
def test_what_never_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.site.lock._LEFTOVER_TIMEOUT_S", 0.3)
    end(hold(tmp_path, HOLD_WITH_CHILD))
    try:
        with (
            pytest.raises(
                SiteError,
                match=r"still runs, from an earlier start or by itself; find it with `fuser .*up\.lock`",
            ),
            hold_site(tmp_path),
        ):
            pass
    finally:
        (tmp_path / "end").touch()


def test_the_holder_is_found_while_it_holds(tmp_path: Path) -> None:
    assert find_holder(tmp_path) is None
    holder = hold(tmp_path)
    assert find_holder(tmp_path) == holder.pid
    end(holder)
    assert find_holder(tmp_path) is None


def test_processes_that_run_alone_share_a_site_and_no_up_starts_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.site.lock._LEFTOVER_TIMEOUT_S", 0.1)
    sharing = [hold(tmp_path, SHARE), hold(tmp_path, SHARE)]
    try:
        for process in sharing:
            with pytest.raises(SiteError, match="still runs"), hold_site(tmp_path):
                pass
            assert is_held(tmp_path)
            end(process)
        assert not is_held(tmp_path)
        with hold_site(tmp_path):
            pass
    finally:
        for process in sharing:
            end(process)


@pytest.mark.slow
def test_nothing_runs_alone_beside_an_up(tmp_path: Path) -> None:
    holder = hold(tmp_path)
    try:
        assert is_held(tmp_path)
        with pytest.raises(SiteError, match="is up already; stop `steelyard up` first"):
            share_site(tmp_path)
    finally:
        end(holder)


def test_where_no_file_can_be_made_a_process_runs_without(tmp_path: Path) -> None:
    share_site(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []
