"""What a supervised process is given: as many open files as there may be people online."""

import os
import resource
from pathlib import Path

import pytest

from components.site.spawn import OPEN_FILES, open_files_limit, spawn

UNLIMITED = resource.RLIM_INFINITY


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


async def test_a_process_has_it_and_we_keep_our_own(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lower = min(before[0], 512)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lower, before[1]))
    try:
        command = ("sh", "-c", "ulimit -Sn; ulimit -Hn")
        process = await spawn(command, tmp_path / "log", dict(os.environ), ())
        assert await process.wait() == 0
        soft, hard = (tmp_path / "log").read_text().split()
        assert soft == open_files_limit() != str(lower)
        assert hard in (str(before[1]), "unlimited")
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == lower
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
