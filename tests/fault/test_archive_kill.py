"""A writer killed with SIGKILL at a random moment, again and again: what it promised is there, and the log is whole."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.verifier.log import verify_log
from tests.support.archive import VKEY, open_writer
from tests.support.archive_survivor import count_said
from tests.support.rounds import ROUNDS, STRIDE, chance
from tests.support.sealed_log import assert_segments_add_up, assert_whole, read_leaves, read_segments

ROOT = Path(__file__).parents[2]


def write_until_killed(path: Path, seed: int, life_s: float) -> int:
    """Give the number of records that the process said were durable."""
    command = [sys.executable, "-m", "tests.support.archive_writer", str(path), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout
        first = process.stdout.readline()
        time.sleep(life_s)
        process.kill()
        lines = [first, *process.stdout.readlines()]
    assert process.returncode == -signal.SIGKILL
    return max(int(line) for line in lines if line.endswith(b"\n"))


def payloads(count: int) -> list[bytes]:
    return [b"record %d" % index * 50 for index in range(count)]


@pytest.mark.fuzz
async def test_killed_again_and_again(tmp_path: Path) -> None:
    log, lives = tmp_path / "gate.db", chance("lives")
    said = [0]
    for seed in range(ROUNDS):
        promised = write_until_killed(log, seed, lives.uniform(0, 0.15))
        kept = sum(leaf.segment > 0 for leaf in read_leaves(log))
        assert kept == await count_said(log) >= promised > said[-1]
        assert verify_log(log, VKEY).problems == ()
        assert_segments_add_up(log, ended=False)
        said.append(kept)

    await assert_whole(log, payloads(said[-1]), signed=False)
    writer = await open_writer(log)
    assert None not in [segment.manifest for segment in read_segments(log)]
    await writer.close()
    await assert_whole(log, payloads(said[-1]))
    places = [(leaf.segment, leaf.position) for leaf in read_leaves(log) if leaf.segment]
    assert len(set(places)) == len(places)
    assert len(read_segments(log)) >= 2 * ROUNDS  # each life begins its own


def append_until_killed_at(call: str, number: int, path: Path) -> int:
    """Let the process die when it makes this system call for the `number`th time; gives its last promise."""
    inject = f"inject={call}:signal=SIGKILL:when={number}"
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
    command = [*strace, sys.executable, "-m", "tests.support.archive_writer", str(path), str(number)]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    return max(
        (int(line) for line in done.stdout.splitlines(keepends=True) if line.endswith(b"\n")), default=0
    )


@pytest.mark.parametrize(
    ("call", "numbers"),
    [("pwrite64", range(1, 80, 4 * STRIDE)), ("fdatasync", range(1, 17, -(-STRIDE // 2)))],
)
async def test_killed_at_each_point(call: str, numbers: range, tmp_path: Path) -> None:
    """At each write and each sync in turn: of the log's making, of appends, signatures and ends of segments."""
    log, said = tmp_path / "gate.db", 0
    for number in numbers:
        promised = append_until_killed_at(call, number, log)
        writer = await open_writer(log)  # which is there, or is made now
        kept = sum(leaf.segment > 0 for leaf in read_leaves(log))
        assert kept == await count_said(log) >= max(promised, said)
        assert None not in [segment.manifest for segment in read_segments(log)]
        await writer.close()
        assert verify_log(log, VKEY).problems == ()
        said = kept
    assert said > 0
    await assert_whole(log, payloads(said))
    places = [(leaf.segment, leaf.position) for leaf in read_leaves(log) if leaf.segment]
    assert len(set(places)) == len(places)


def make_until_killed(path: Path, life_s: float) -> None:
    command = [sys.executable, "-m", "tests.support.archive_writer", str(path), "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT) as process:
        while not path.exists():
            time.sleep(0.0005)
        time.sleep(life_s)
        process.kill()


@pytest.mark.fuzz
@pytest.mark.parametrize("number", range(5))
async def test_killed_while_it_makes_the_log(number: int, tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    make_until_killed(log, chance(number).uniform(0, 0.008))
    writer = await open_writer(log)  # goes on with what is there, or makes it
    await writer.close()
    await assert_whole(log, payloads(sum(leaf.segment > 0 for leaf in read_leaves(log))))
