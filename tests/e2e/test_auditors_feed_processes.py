"""The feed and its follower as the processes that they are: killed, started again, and told of a changed list."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_auditors_feed import read_rows, verified
from tests.support.machines import ALICE, BOB, FedSite, make_fed_site, say
from tests.support.ports import free_port
from tests.support.process import ProcessUnderTest, wait_until
from tests.support.rounds import ROUNDS, chance

pytestmark = [pytest.mark.programs, pytest.mark.slow]


class Part(ProcessUnderTest):
    """A process of a site or of a machine, in the folder of its site.toml."""

    def __init__(self, module: str, folder: Path, state: Callable[[str], bool]) -> None:
        super().__init__(module, folder / f"{module}.out")
        self.module = module
        self.folder = folder
        self._is_right = state

    def status(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / f"run/{self.module}.status.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found

    async def start(self) -> None:
        (self.folder / f"run/{self.module}.status.json").unlink(missing_ok=True)
        self._launch([sys.executable, "-m", f"components.{self.module}", self.folder / "site.toml"])
        await self._wait_until_ready(self._is_ready)

    async def _is_ready(self) -> bool:
        return self._is_right(str(self.status().get("state", "")))


@pytest.fixture
async def fed(tmp_path: Path) -> FedSite:
    fed = await make_fed_site(tmp_path)
    port = free_port()
    fed.rewrite("port = 5290", f"port = {port}")
    for who in ("erin", "faye"):
        file = tmp_path / who / "site.toml"
        file.write_text(file.read_text().replace("localhost:5290", f"localhost:{port}"))
    return fed


@pytest.fixture
async def feed(fed: FedSite) -> AsyncIterator[Part]:
    async with Part("feed", fed.root / "server", lambda state: state == "running") as process:
        yield process


async def gate_size(fed: FedSite) -> int:
    (rows, *_rest) = await read_rows(fed.site, "gate")
    return len(rows)  # type: ignore[arg-type]


async def test_a_follower_that_is_killed_goes_on_where_it_was(fed: FedSite, feed: Part) -> None:
    draw = chance(7)
    follower = Part("follow", fed.root / "erin", bool)
    for number in range(ROUNDS):
        await fed.append(*(say(number * 400 + each, ALICE, BOB, f"tip {each} " * 60) for each in range(400)))
        await follower.start()
        await asyncio.sleep(draw.random() * 0.4)
        await follower.kill9()
    await follower.start()
    size = await gate_size(fed)
    try:
        assert await wait_until(lambda: follower.status().get("logs", {}).get("gate") == size), (
            follower.log_tail()
        )
        assert await wait_until(lambda: follower.status()["state"] == "following"), follower.status()
    finally:
        await follower.stop()
    assert await read_rows(fed.machines["erin"], "gate") == await read_rows(fed.site, "gate")
    assert await verified(fed.machines["erin"], "gate")


async def test_a_feed_that_is_killed_is_followed_again(fed: FedSite, feed: Part) -> None:
    follower = Part("follow", fed.root / "erin", lambda state: state == "following")
    await fed.append(say(1, ALICE, BOB, "a tip"))
    async with follower:
        await feed.kill9()
        assert await wait_until(lambda: follower.status().get("state") == "behind"), follower.status()
        await fed.append(say(2, BOB, ALICE, "thanks"))
        await feed.start()
        size = await gate_size(fed)
        assert await wait_until(lambda: follower.status()["logs"]["gate"] == size), follower.log_tail()


async def test_a_machine_that_starts_before_the_site_waits_for_it(fed: FedSite) -> None:
    await fed.append(say(1, ALICE, BOB, "a tip"))
    follower = Part("follow", fed.root / "erin", lambda state: state == "behind")
    async with follower, Part("feed", fed.root / "server", lambda state: state == "running"):
        assert await wait_until(lambda: follower.status()["state"] == "following"), follower.log_tail()


async def test_a_machine_taken_from_the_list_is_refused_from_sighup_on(fed: FedSite, feed: Part) -> None:
    await fed.append(say(1, ALICE, BOB, "a tip"))
    async with Part("follow", fed.root / "erin", lambda state: state == "following") as follower:
        size = await gate_size(fed)
        fed.remove_machine("erin")
        os.kill(feed.pid, signal.SIGHUP)
        assert await wait_until(lambda: "SIGHUP: done" in feed.log_tail()), feed.log_tail()
        await fed.append(say(2, BOB, ALICE, "thanks"))
        assert await wait_until(lambda: "not listed" in str(follower.status().get("faults"))), (
            follower.status()
        )
        assert follower.status()["logs"]["gate"] == size
    assert "takes effect after a restart" not in feed.log_tail()
