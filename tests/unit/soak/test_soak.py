"""`make soak` itself, with runs that are made up: what it says, what it keeps, where it goes on."""

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.soak import __main__ as command
from tests.soak.__main__ import Soak
from tests.soak.check import Report, Violation
from tests.soak.plan import Plan
from tests.soak.run import Outcome

LOST = Violation("lost", "alice-3", "to bob; said by alice#0 at 1.000 s")


@pytest.fixture(autouse=True)
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have every third seed find something; returns the seeds that are run."""
    seeds: list[int] = []

    async def run(plan: Plan, folder: Path) -> Outcome:
        folder.mkdir()  # noqa: ASYNC240 - a test waits for it anyway
        seeds.append(plan.seed)
        found = (LOST,) if plan.seed % 3 == 0 else ()
        return Outcome(plan.seed, Report(found, Counter({"unknown": 2})), 100, 6.5)

    monkeypatch.setattr(command, "run_plan", run)
    return seeds


def soak(folder: Path, *, until_s: float = float("inf"), keeps_all: bool = False) -> Soak:
    return Soak(folder, sites=2, until_s=until_s, keeps_all=keeps_all)


def test_its_folder_is_the_same_to_whatever_it_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for said, folder in (
        ((), "var/soak"),
        (("--folder", "here"), "here"),
        (("--folder", "/there"), "/there"),
    ):
        monkeypatch.setattr("sys.argv", ["soak", *said])
        assert command._parse().folder == tmp_path / folder


def folders(root: Path) -> list[str]:
    return [each.name for each in root.iterdir() if each.is_dir()]


async def test_each_seed_is_run_and_told_and_what_failed_is_kept(
    tmp_path: Path, runs: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    ours = soak(tmp_path)
    await ours.run(range(1, 5), 2)
    assert sorted(runs) == [1, 2, 3, 4]
    said = capsys.readouterr().out
    assert "seed 1: 100 messages, 6.5 s: holds" in said
    assert "seed 3: 100 messages, 6.5 s: 1 × lost" in said
    assert f"✘ {LOST}" in said
    assert 'make soak ARGS="--sites 2 --only 3"' in said
    assert folders(tmp_path) == ["seed-3"]
    assert ours.summary().splitlines() == [
        f"soak: 4 seeds with {ours.commit}, 400 messages, 1 failed",
        "  failed: 3",
        "  left open by the promises: 8 × unknown",
    ]


async def test_another_soak_goes_on_where_it_was_and_tries_again_what_failed(
    tmp_path: Path, runs: list[int]
) -> None:
    ours = soak(tmp_path)
    await ours.run(range(1, 4), 1)
    assert ours.state.left(1, 6, ours.commit) == [3, 4, 5, 6]


async def test_a_seed_that_is_played_again_keeps_its_folder(tmp_path: Path) -> None:
    await soak(tmp_path, keeps_all=True).run([1], 1)
    assert folders(tmp_path) == ["seed-1"]


async def test_no_run_begins_when_its_time_is_over(tmp_path: Path, runs: list[int]) -> None:
    ours = soak(tmp_path, until_s=time.monotonic() - 1)
    await ours.run(range(1, 9), 2)
    assert runs == []
    assert ours.summary().startswith("soak: 0 seeds")
