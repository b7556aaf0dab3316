"""A server that is told to stop, whatever it is doing then: each number is recorded once, and none is missing."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from components.site.prosody import MODULES
from tests.support.line import Line
from tests.support.observer import read_log
from tests.support.process import wait_until
from tests.support.stream import XmppStream

ALICE = "alice@metals.example"


@pytest.mark.slow
async def test_a_stop_in_the_middle_of_a_write_repeats_and_loses_no_number(tmp_path: Path) -> None:
    async with Line(tmp_path, [ALICE], modules=(*MODULES, "stopped_in_a_write")) as line:
        desk = await line.login(f"{ALICE}/desk")
        await desk.come_online()
        stopping = asyncio.create_task(XmppStream.login(line.prosody.address, f"{ALICE}/stop"))
        await desk.wait_for_end()
        await asyncio.gather(stopping, return_exceptions=True)  # it may have its session for a moment
        assert await wait_until(lambda: not line.prosody.running), line.prosody.log_tail()
        await line.gate.stop()
        content = await read_log(line.gate)
    numbers = Counter(each.seq for each in content.submissions.values())
    assert numbers == Counter(range(1, max(numbers) + 1))
    assert not [each for each in content.alarms if each.name.startswith("number")]
