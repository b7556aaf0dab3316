"""What a supervised process is given: as many open files as there may be people online."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from components.site.spawn import OPEN_FILES, open_files_limit

UNLIMITED = resource.RLIM_INFINITY
ROOT = Path(__file__).parents[3]
START_AND_TELL = """
import asyncio, json, os, resource, sys
from pathlib import Path
from components.site.spawn import open_files_limit, spawn

def own():
    return str(resource.getrlimit(resource.RLIMIT_NOFILE)[0])

async def start():
    command = ("sh", "-c", "ulimit -Sn; ulimit -Hn")
    process = await spawn(command, Path(sys.argv[1]), dict(os.environ), ())
    assert await process.wait() == 0

before = own()
asyncio.run(start())
print(json.dumps({"before": before, "asked": open_files_limit(), "after": own()}))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "given"),
    [
        (1024, 1024, "1024"),
        (1024, 4096, "4096"),
        (1024, 1_048_576, str(OPEN_FILES)),
        (1024, UNLIMITED, str(OPEN_FILES)),
        (100_000, 1_048_576, "100000"),  # it is not made less
        (UNLIMITED, UNLIMITED, "unlimited"),
    ],
)
def test_it_gets_what_is_needed_as_far_as_we_may(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, given: str
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard))
    assert open_files_limit() == given


@pytest.mark.slow
def test_a_process_has_it_and_we_keep_our_own(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # A process of its own has the low limit: other tests may have more files open in this one.
    command = ["prlimit", "--nofile=512:", sys.executable, "-c", START_AND_TELL, str(tmp_path / "log")]
    told = json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    assert told["asked"] != "512" == told["before"] == told["after"]
    soft_given, hard_given = (tmp_path / "log").read_text().split()
    assert soft_given == told["asked"]
    assert hard_given == ("unlimited" if hard == UNLIMITED else str(hard))
