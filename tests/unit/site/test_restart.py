"""A restart is asked for in a file, which `up` takes one at a time; who asks learns what came of it."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site import restart
from components.site.restart import REQUEST, follow_requests, restart_part
from tests.support.process import wait_until

pytestmark = pytest.mark.slow


async def test_requests_are_taken_one_at_a_time_and_removed_when_done(tmp_path: Path) -> None:
    taken: list[str] = []
    request, done = tmp_path / REQUEST, asyncio.Event()

    async def take(name: str) -> None:
        assert request.exists()  # whoever asked waits
        taken.append(name)
        done.set()

    request.write_text("gate\n")  # of an `up` that ended: nobody waits for it any more
    following = asyncio.create_task(follow_requests(tmp_path, take))
    await asyncio.sleep(0)
    assert not request.exists()
    for name in ("gate", "tiles"):
        request.write_text(f"{name}\n")
        await done.wait()
        assert await wait_until(lambda: not request.exists())
        done.clear()
    following.cancel()
    assert taken == ["gate", "tiles"]


class Up:
    """An `up` that answers requests as the test says: what its process's id is after each."""

    def __init__(self, folder: Path, pids: list[int], fault: str = "") -> None:
        self.request, self.pids, self.fault = folder / REQUEST, pids, fault
        self.asked: list[str] = []

    def find_pid(self, *_: object) -> int:
        return self.pids.pop(0)

    def wait(self, is_so: Callable[[], bool], *_: object) -> "asyncio.Future[None]":
        self.asked.append(self.request.read_text())
        self.request.unlink()
        assert is_so()
        return asyncio.sleep(0)  # type: ignore[return-value]

    async def find_fault(self, *_: object) -> str:
        return self.fault


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Up], None]]:
    def put(up: Up) -> None:
        monkeypatch.setattr(restart, "find_holder", lambda _folder: 1)
        monkeypatch.setattr(restart, "_pid_of", up.find_pid)
        monkeypatch.setattr(restart, "_wait", up.wait)
        monkeypatch.setattr(restart, "find_fault", up.find_fault)

    yield put


def test_who_asks_is_told_which_process_took_the_place(site: Path, use: Callable[[Up], None]) -> None:
    up = Up(site.parent, [7, 9])
    use(up)
    done = restart_part(SiteFile(site), "gate")
    assert (done.name, done.before, done.now, up.asked) == ("gate", 7, 9, ["gate\n"])


def test_one_that_goes_on_as_it_was_is_an_error(site: Path, use: Callable[[Up], None]) -> None:
    use(Up(site.parent, [7, 7]))
    with pytest.raises(
        SiteError, match=r"the gate did not start anew, and goes on as it was; see .*gate\.log"
    ):
        restart_part(SiteFile(site), "gate")


def test_one_that_is_not_healthy_in_time_is_an_error(site: Path, use: Callable[[Up], None]) -> None:
    use(Up(site.parent, [7, 9], "is disconnected"))
    with pytest.raises(SiteError, match="the gate is disconnected, 0 s after its start"):
        restart_part(SiteFile(site), "gate", timeout_s=0.0)


@pytest.mark.parametrize("name", ["prosody", "nothing", ""])
def test_only_what_runs_beside_the_server_restarts_alone(site: Path, name: str) -> None:
    with pytest.raises(SiteError, match="none of this site's processes that restart alone: gate, "):
        restart_part(SiteFile(site), name)


def test_a_site_that_is_not_up_has_nothing_to_restart(site: Path) -> None:
    with pytest.raises(SiteError, match="the site is not up here"):
        restart_part(SiteFile(site), "gate")
    assert not (site.parent / REQUEST).exists()


def test_two_do_not_ask_at_once(site: Path, use: Callable[[Up], None]) -> None:
    use(Up(site.parent, [7]))
    (site.parent / REQUEST).write_text("gate\n")
    with pytest.raises(SiteError, match="another restart is under way"):
        restart_part(SiteFile(site), "gate")


def test_an_up_that_does_not_answer_is_told(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart, "find_holder", lambda _folder: 1)
    with pytest.raises(SiteError, match=r"`steelyard up` \(process 1\) does not answer within 0 s"):
        restart_part(SiteFile(site), "gate", timeout_s=0.0)
