"""Whether what a process has of memory grows: one slope over all its lives, without the time in which it gets warm."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.soak.memory import Growth, MemoryWatch, Sample, find_growths, name_of

MINUTE_S = 60.0


def life(
    mib_per_h: float, *, begins_at_s: float = 0.0, pid: int = 7, first_mib: float = 80.0, minutes: int = 30
) -> list[Sample]:
    """Return a sample a minute of a process that grows by so much an hour."""
    return [
        Sample(begins_at_s + minute * MINUTE_S, "gate", pid, first_mib + mib_per_h * minute / 60)
        for minute in range(minutes + 1)
    ]


def only(growths: list[Growth]) -> Growth:
    (growth,) = growths
    return growth


@pytest.mark.parametrize("mib_per_h", [0.0, 6.0, 40.0, -12.0])
def test_the_slope_is_that_of_an_hour(mib_per_h: float) -> None:
    growth = only(find_growths(life(mib_per_h), 0.0))
    assert growth.mib_per_h == pytest.approx(mib_per_h)
    assert growth.median_mib == pytest.approx(80 + mib_per_h / 4)
    assert growth.last_mib == pytest.approx(80 + mib_per_h / 2)


def test_each_life_begins_where_it_begins() -> None:
    lives = [
        life(24.0, begins_at_s=number * 3600, pid=number, first_mib=90 - 10 * number) for number in range(4)
    ]
    growth = only(find_growths([each for one in lives for each in one], 0.0))
    assert growth.lives == 4
    assert growth.mib_per_h == pytest.approx(24.0)


def test_the_first_time_of_each_life_is_left_out() -> None:
    jumps = [
        Sample(each.at_s, each.name, each.pid, 30.0 if each.at_s % 3600 < 5 * MINUTE_S else 80.0)
        for number in range(2)
        for each in life(0.0, begins_at_s=number * 3600, pid=number)
    ]
    assert only(find_growths(jumps, 0.0)).mib_per_h > 10
    assert only(find_growths(jumps, 5 * MINUTE_S)).mib_per_h == 0


def test_who_lived_too_briefly_has_no_slope() -> None:
    brief = Sample(0.0, "searches", 3, 50.0)
    assert find_growths([brief], 0.0) == []
    assert find_growths(life(0.0, minutes=0), 5 * MINUTE_S) == []


def test_half_of_a_brief_life_counts() -> None:
    jump = [
        Sample(each.at_s, each.name, each.pid, 30.0 if each.at_s < 2 * MINUTE_S else 80.0)
        for each in life(0.0, minutes=4)
    ]
    assert only(find_growths(jump, 5 * MINUTE_S)).mib_per_h == 0
    assert only(find_growths(life(12.0, minutes=4), 5 * MINUTE_S)).mib_per_h == pytest.approx(12.0)


def test_each_process_is_told_by_its_name() -> None:
    samples = life(6.0) + [Sample(each.at_s, "prosody", 8, 30.0) for each in life(0.0)]
    assert [(each.name, round(each.mib_per_h)) for each in find_growths(samples, 0.0)] == [
        ("gate", 6),
        ("prosody", 0),
    ]


@pytest.mark.parametrize(
    ("median_mib", "mib_per_h", "is_flat"),
    [(80.0, 7.9, True), (80.0, 8.1, False), (20.0, 3.9, True), (20.0, 4.1, False), (80.0, -50.0, True)],
)
def test_flat_is_less_than_a_tenth_an_hour_or_what_any_swings_by(
    median_mib: float, mib_per_h: float, is_flat: bool
) -> None:
    growth = Growth("gate", 2, median_mib, median_mib, mib_per_h)
    assert growth.is_flat is is_flat
    assert str(growth) == (
        f"gate: {median_mib:.1f} MiB, {mib_per_h:+.1f} an hour, 2 lives" + ("" if is_flat else "  ✘ grows")
    )


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["/usr/bin/python3", "-m", "components.gate", "site.toml"], "components.gate"),
        (["/usr/bin/python3", "-I", "-m", "components.gate", "site.toml"], "components.gate"),
        (["lua5.4", "/usr/bin/prosody", "-F", "--config", "x"], "prosody"),
        (["/usr/bin/clamd", "-m", "x"], "x"),
        (["/usr/bin/python3", "-c", "import x"], "python3"),
        (["python3"], "python3"),
        ([], "?"),
    ],
)
def test_a_process_is_named_by_what_it_runs(command: list[str], name: str) -> None:
    assert name_of(command) == name


def test_a_watch_takes_what_a_process_and_all_below_it_have(tmp_path: Path) -> None:
    watch = MemoryWatch(os.getpid(), tmp_path / "memory.jsonl")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        watch.take(1.0)
        pids = {each.pid for each in watch.samples}
        child.communicate(b"\n")
    assert {os.getpid(), child.pid} <= pids
    assert all(each.mib > 0 for each in watch.samples if each.pid == os.getpid())
    first = len(watch.samples)
    watch.take(2.0)
    assert child.pid not in {each.pid for each in watch.samples[first:]}
    kept = (tmp_path / "memory.jsonl").read_text().splitlines()
    assert len(kept) == len(watch.samples)
    assert '"at_s": 2.0' in kept[-1]
