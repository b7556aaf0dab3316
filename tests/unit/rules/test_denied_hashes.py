"""The list of files that are not sent is followed while it changes; a broken one leaves the old one in force."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from components.rules.denied_hashes import DeniedHashesFollower
from components.rules.load import RulesError
from tests.support.process import wait_until

A, B = sha256(b"a"), sha256(b"b")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "denied.sha256"
    file.write_text(f"{A.hexdigest()}\n")
    return file


@pytest.fixture
async def follower(file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DeniedHashesFollower]:
    monkeypatch.setattr("components.rules.denied_hashes._INTERVAL_S", 0.005)
    follower = DeniedHashesFollower(file)
    with capture_logs():
        task = asyncio.create_task(follower.run())
        yield follower
        assert not task.done()
        task.cancel()


def replace(file: Path, content: bytes | None) -> None:
    if content is None:
        file.unlink()
        return
    draft = file.with_suffix(".new")
    draft.write_bytes(content)
    draft.replace(file)


async def test_it_is_followed(follower: DeniedHashesFollower, file: Path) -> None:
    assert follower.denied.find(A.digest()) and not follower.denied.find(B.digest())
    with file.open("a") as more:
        more.write(f"{B.hexdigest()}  prices.xlsx\n")
    assert await wait_until(lambda: follower.denied.find(B.digest()) is not None)
    replace(file, b"# none\n")
    assert await wait_until(lambda: not follower.denied.hashes)
    assert follower.problems == ()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"nonsense\n", "denied.sha256: line 1: does not begin with a SHA-256"),
        (b"\xff\xfe", "denied.sha256 is no UTF-8 text: byte 0 is wrong"),
        (None, "cannot be read: No such file or directory"),
    ],
)
async def test_a_broken_list_leaves_the_old_one(
    follower: DeniedHashesFollower, file: Path, content: bytes | None, problem: str
) -> None:
    replace(file, content)
    assert await wait_until(lambda: follower.problems != ())
    assert problem in follower.problems[0]
    assert follower.denied.find(A.digest())
    replace(file, B.hexdigest().encode())
    assert await wait_until(lambda: follower.denied.find(B.digest()) is not None)
    assert follower.problems == () and not follower.denied.find(A.digest())


def test_a_list_that_is_wrong_at_the_start_is_no_list(file: Path) -> None:
    file.write_text(f"{A.hexdigest()}\n{B.hexdigest()[:40]}\n")
    with pytest.raises(RulesError, match=r"denied.sha256: line 2: is a SHA-1"):
        DeniedHashesFollower(file)
