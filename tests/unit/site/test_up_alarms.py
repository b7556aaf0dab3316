"""What `up` says of the gate's alarms: each when it is raised, and no flood of one that is raised all the time."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rich.console import Console

from components.site import up
from components.site.display import Display
from tests.support.process import wait_until


class Shown:
    """The status file, and what is shown of it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.output = io.StringIO()
        self.display = Display(Console(file=self.output, width=200))

    def write(self, **times: int) -> None:
        """Write alarms with how often they were raised, each a second after the one before."""
        alarms = [
            {"name": name.replace("_", "-"), "times": count, "last_at_ns": 1_795_464_245_000_000_000 + count}
            for name, count in times.items()
        ]
        draft = self.file.with_suffix(".new")
        draft.write_text(json.dumps({"alarms": alarms}))
        draft.replace(self.file)

    def lines(self) -> list[str]:
        return self.output.getvalue().splitlines()

    async def wait_for(self, count: int) -> None:
        assert await wait_until(lambda: len(self.lines()) == count), self.lines()
        await asyncio.sleep(0.05)
        assert len(self.lines()) == count, self.lines()


@pytest.fixture
async def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shown]:
    monkeypatch.setattr(up, "ALARMS_EVERY_S", 0.005)
    shown = Shown(tmp_path / "gate.status.json")
    shown.write(link_down=1)  # what an earlier run left
    task = asyncio.create_task(up.show_alarms(shown.display, shown.file, tmp_path / "missing.json"))
    await asyncio.sleep(0.05)
    yield shown
    task.cancel()


async def test_each_is_shown_once(shown: Shown) -> None:
    assert shown.lines() == []
    shown.write(numbers_missing=1)
    await shown.wait_for(1)
    assert shown.lines()[0].endswith(
        "✘ ALARM numbers-missing at 2026-11-23 20:04:05 UTC; docs/alarms.md says what to do"
    )
    shown.write(numbers_missing=1, not_recording=1)
    await shown.wait_for(2)
    assert "not-recording" in shown.lines()[1]


@pytest.mark.slow
async def test_one_that_is_raised_all_the_time_is_shown_once_a_minute(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in range(1, 20):
        shown.write(number_reused=count)
        await asyncio.sleep(0.01)
    await shown.wait_for(1)
    monkeypatch.setattr(up, "ALARM_AGAIN_S", 0.0)
    await shown.wait_for(2)
    assert "19 times" in shown.lines()[1]


async def test_a_status_that_cannot_be_read_says_nothing(shown: Shown) -> None:
    shown.file.write_text("{")
    await shown.wait_for(0)
    shown.file.unlink()
    await shown.wait_for(0)
    shown.write(canary_lost=1)
    await shown.wait_for(1)
