"""The gate of a soak: its clock is wrong by what a file says, from its start on and when it is told to look again."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import components.gate.__main__ as real
from components.gate import owed
from tests.soak import gate


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have everything that the gate changes in its process be put back."""
    for owner, name in ((time, "time"), (time, "time_ns"), (owed, "SAID_AGAIN_WITHIN_S"), (gate, "_skew_s")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    handler = signal.getsignal(signal.SIGUSR2)
    yield
    signal.signal(signal.SIGUSR2, handler)


def skews() -> list[int]:
    """Return by how many seconds both clocks are wrong."""
    wrong_s = time.time() - gate._real_s(), (time.time_ns() - gate._real_ns()) / 1e9
    return [round(each) for each in wrong_s]


def test_its_clock_is_wrong_and_jumps_when_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, seen = tmp_path / "skew", []

    def main() -> int:
        seen.append(skews())
        for skew in ("-86400", "0"):
            file.write_text(skew)
            os.kill(os.getpid(), signal.SIGUSR2)
            seen.append(skews())
        return 0

    monkeypatch.setattr(real, "main", main)
    monkeypatch.setattr(sys, "argv", ["gate", str(tmp_path / "site.toml")])
    file.write_text("3600")
    assert gate._run() == 0
    assert seen == [[3600, 3600], [-86400, -86400], [0, 0]]
    assert owed.SAID_AGAIN_WITHIN_S == gate.GIVEN_BACK_AFTER_S


def test_without_a_file_it_is_right(tmp_path: Path) -> None:
    gate._look(tmp_path / "skew")
    assert gate._skew_s == 0.0
