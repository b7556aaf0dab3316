"""A writer killed with SIGKILL at a random moment, again and again: what it promised is there, and the log is whole."""

import random
import subprocess
import sys
import time
from pathlib import Path

from components.archive.reader import LogReader
from components.audit.verify import verify_log
from tests.support.archive import VKEY, open_writer

ROOT = Path(__file__).parents[2]
ROUNDS = 10


def write_until_killed(path: Path, seed: int, life_s: float) -> int:
    """Give the last size that the process said was durable."""
    command = [sys.executable, "-m", "tests.support.archive_writer", str(path), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout
        first = process.stdout.readline()
        time.sleep(life_s)
        process.kill()
        lines = [first, *process.stdout.readlines()]
    return max(int(line) for line in lines if line.endswith(b"\n"))


async def test_killed_again_and_again(tmp_path: Path) -> None:
    log, lives = tmp_path / "gate.db", random.Random(20261123)
    sizes = [0]
    for seed in range(ROUNDS):
        promised = write_until_killed(log, seed, lives.uniform(0, 0.15))
        report = verify_log(log, VKEY)
        assert report.problems == ()
        assert report.size >= promised > sizes[-1]
        sizes.append(report.size)

    writer = await open_writer(log)
    assert writer.size == sizes[-1]
    await writer.close()
    reader = await LogReader.open(log)
    for first in range(0, sizes[-1], 5000):
        for record in await reader.fetch(first, 5000):
            assert record.payload == b"record %d" % record.index * 50
            assert record.is_intact()
    await reader.close()


def make_until_killed(path: Path, life_s: float) -> None:
    command = [sys.executable, "-m", "tests.support.archive_writer", str(path), "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT) as process:
        while not path.exists():
            time.sleep(0.0005)
        time.sleep(life_s)
        process.kill()


async def test_killed_while_it_makes_the_log(tmp_path: Path) -> None:
    lives = random.Random(5)
    for number in range(5):
        log = tmp_path / f"{number}.db"
        make_until_killed(log, lives.uniform(0, 0.004))
        writer = await open_writer(log)  # goes on with what is there, or makes it
        await writer.close()
        assert verify_log(log, VKEY).ok
