"""What the machine says to programs is the same for every test, whoever runs it and wherever."""

import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.surroundings import MOST_CHARACTERS, OF_TESTS, find_changes, settle

ROOT = Path(__file__).parents[3]
PLAIN = {"PATH": "/usr/bin", "HOME": "/root", "SSL_CERT_FILE": "/etc/ssl/ca.pem", "TMPDIR": "/dev/shm"}


@pytest.mark.parametrize(
    "name",
    [
        *("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "LC_MESSAGES", "LANGUAGE"),
        *("http_proxy", "HTTPS_PROXY", "no_proxy", "SSLKEYLOGFILE", "PGHOST", "PGPASSWORD", "AWS_PROFILE", "LDAPCONF"),
        *("NOTIFY_SOCKET", "WATCHDOG_USEC", "XDG_CONFIG_HOME", "PYTHONPATH", "PYTHONUTF8", "LUA_INIT", "ERL_FLAGS"),
        *("STEELYARD_SITE", "STEELYARD_GATE__METRICS_PORT", "STEELYARD_SERVERS"),
    ],
)  # fmt: skip
def test_what_would_make_another_machine_another_is_left_out(name: str) -> None:
    assert find_changes(PLAIN).keys().isdisjoint(PLAIN.keys() | {name})
    assert find_changes({**PLAIN, name: "x"})[name] is None


def test_what_tests_are_told_and_where_programs_are_stays() -> None:
    own = {f"STEELYARD_{name}": "1" for name in OF_TESTS}
    found = find_changes({**PLAIN, **own, "PYTHONHASHSEED": "0", "AWS_CA_BUNDLE": "/etc/ssl/ca.pem"})
    assert found == find_changes({})


def test_all_that_tests_are_told_is_named() -> None:
    """Or it would be left out, and the test that reads it would be told nothing."""
    files = (*(ROOT / "tests" / "support").glob("*.py"), ROOT / "tests/browser/test_screenshots.py")
    read = re.compile(r"os\.environ(?:\.get\(|\[)\"STEELYARD_(\w+)\"")
    told = {name for file in files for name in read.findall(file.read_text("utf-8"))}
    assert told == set(OF_TESTS)


def test_a_folder_in_which_no_socket_can_be_is_not_used() -> None:
    fits = "/" + "x" * (MOST_CHARACTERS - 1)
    assert "TMPDIR" not in find_changes({"TMPDIR": fits})
    assert find_changes({"TMPDIR": f"{fits}x"})["TMPDIR"] is None


def test_what_is_left_out_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {**PLAIN, "COLUMNS": "8"})
    settle()
    assert os.environ == {**PLAIN, **find_changes({})}


def test_this_process_and_what_it_starts_are_in_them(tmp_path: Path) -> None:
    # Of what is left out, libraries may have set something since.
    always = {name: said for name, said in find_changes({}).items() if said is not None}
    assert always and os.environ.items() >= always.items()
    code = "import os, time; open('made', 'w').close(); print(os.environ['TZ'], time.tzname[0])"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["UTC", "UTC"]
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o644


def test_what_is_run_in_the_background_can_be_interrupted_all_the_same() -> None:
    """A shell has such a process ignore SIGINT, and so would every program that a test starts."""
    interrupted = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    asks = (
        "import subprocess, sys; from tests.support.surroundings import settle; settle(); "
        f"sys.exit(subprocess.call([sys.executable, '-c', {interrupted!r}], stderr=-3))"
    )
    ignores = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
        f"os.execl(sys.executable, sys.executable, '-c', {asks!r})"
    )
    result = subprocess.run([sys.executable, "-c", ignores], cwd=ROOT, check=False, timeout=60)
    assert result.returncode == 256 - signal.SIGINT
